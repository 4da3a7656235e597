"""What was measured, in Markdown."""

import statistics

from benchmarks.markdown import MISSING, number
from benchmarks.tables import machine_line
from benchmarks.time_to_kl import search
from benchmarks.time_to_kl.contestants import CONTESTANTS, SEARCHED
from benchmarks.time_to_kl.densities import DENSITIES
from tfp_flows.experiments.tables import table_lines

THRESHOLDS = (0.1, 0.03, 0.01, 0.003)
# Moments of 10,000 reference draws are no better than this themselves.
THRESHOLDS_OF_MOMENTS = (0.1, 0.05, 0.03)

# What is farther has not been fitted at all.
_FAR = 1_000

_PHASES = dict(
    import_seconds="import",
    setup_seconds="set-up",
    compile_seconds="trace and compile",
    train_seconds="train",
    exit_seconds="exit",
)

_HEADING = """# Time to KL

Made by `python -m benchmarks.time_to_kl`. Seconds from the start of a process, imports
and compilation included, to a fitted flow; its KL divergence is estimated afterwards, by
100,000 samples, in float64 and by the same formulas for all. Each fit is a process of its
own. A time to a KL is the median time of the shortest budget whose median KL over the
seeds is so small. What was further than 0.3 off with the first seed was not repeated.
The fits to one target are of one machine, named at the end; those to two may not be.

tfp_flows has its defaults, and other budgets; nothing else was chosen; the defaults
themselves were chosen on these targets (docs/recipe.md). For every other library,
learning rate, annealing and number of samples were searched on the target, in the plane
on example3; gradients are clipped and the rate decays by a cosine, as by default in
tfp_flows, but for PyMC. The two that were best in the search were fitted for longer and
by more samples, too, the rest at twice the steps of their search. Those on JAX are
trained by one compiled loop, which they do not ship.
"""


def thresholds(target):
    """The distances to which times are given."""
    is_posterior = DENSITIES[target].log_normalizer is None
    return THRESHOLDS_OF_MOMENTS if is_posterior else THRESHOLDS


def points(rows, target, contestant):
    """What each budget of a contestant reached.

    Args:
      rows: the results.
      target: a name of `DENSITIES`.
      contestant: a name of `CONTESTANTS`.

    Returns:
      List of `dict`s of `budget`, median `seconds` and `distance`, the `worst` distance
      and `num_seeds`, by seconds. A fit that failed counts as infinitely far.
    """
    budgets = {}
    for row in rows:
        if (row["target"], row["contestant"]) == (target, contestant):
            budgets.setdefault(row["budget"], []).append(row)
    found = []
    for budget, mine in budgets.items():
        distances = [search.distance(row) for row in mine]
        seconds = [row["seconds"] for row in mine if "seconds" in row]
        if seconds:
            found.append(
                dict(
                    budget=budget,
                    seconds=statistics.median(seconds),
                    distance=statistics.median(distances),
                    worst=max(distances),
                    num_seeds=len(mine),
                )
            )
    return sorted(found, key=lambda point: point["seconds"])


def time_to(found, threshold):
    """The least seconds of `points` that are so close, or `None`."""
    return min((p["seconds"] for p in found if p["distance"] <= threshold), default=None)


def fastest(rows, target, threshold, is_ours):
    """The contestant that is there first and its seconds, `(None, None)` if none is."""
    times = {
        name: time_to(points(rows, target, name), threshold)
        for name, contestant in CONTESTANTS.items()
        if (contestant.worker == "ours") == is_ours
    }
    times = {name: seconds for name, seconds in times.items() if seconds is not None}
    name = min(times, key=times.get, default=None)
    return name, times.get(name)


def document(found, searches):
    """All tables.

    Args:
      found: results, with `machines`, by target, and `rows`.
      searches: results of the search.
    """
    rows = found["rows"]
    targets = [t for t in DENSITIES if any(row["target"] == t for row in rows)]
    lines = [_HEADING, "## Against the fastest of all others", ""]
    headings = ["", "to", "tfp_flows", "fastest other", "times as fast (below 1: slower)"]
    lines += table_lines(headings, [
        _against(rows, target, threshold)
        for target in targets
        for threshold in thresholds(target)
    ])  # fmt: skip
    for target in targets:
        lines += ["", f"## {target}", "", *_target_lines(rows, target)]
    lines += ["", "## Where the time of tfp_flows goes", "", *_phase_lines(rows)]
    lines += ["", "## Settings of the others", "", *_search_lines(rows, searches), ""]
    failures = [row for row in rows if "error" in row]
    lines += [f"- {r['contestant']}, {r['target']}: {r['error']}" for r in failures]
    for target in targets:
        lines += [f"- {target}: {machine_line(found['machines'][target])}."]
    return "\n".join([*lines, ""])


def _distance(value):
    return f"over {_FAR:,}" if value > _FAR else number(value)


def _seconds(value):
    return "never" if value is None else number(value)


def _against(rows, target, threshold):
    _, ours = fastest(rows, target, threshold, is_ours=True)
    name, other = fastest(rows, target, threshold, is_ours=False)
    label = "never" if name is None else f"{CONTESTANTS[name].label}, {_seconds(other)}"
    times = MISSING if None in (ours, other) else number(other / ours, 2)
    return [target, str(threshold), _seconds(ours), label, times]


def _target_lines(rows, target):
    limits = thresholds(target)
    cells = []
    for name, contestant in CONTESTANTS.items():
        found = points(rows, target, name)
        if not found:
            continue
        best = min(found, key=lambda point: point["distance"])
        label = contestant.label
        cells.append([
            f"**{label}**" if contestant.worker == "ours" else label,
            *(_seconds(time_to(found, limit)) for limit in limits),
            f"{_distance(best['distance'])} ({_distance(best['worst'])})",
            number(best["seconds"]),
            best["budget"],
            str(best["num_seeds"]),
        ])  # fmt: skip
    headings = ["", *(f"s to {limit}" for limit in limits), "best (worst seed)", "s"]
    return table_lines([*headings, "steps x samples", "seeds"], cells)


def _phase_lines(rows):
    groups = {}
    for row in rows:
        if CONTESTANTS[row["contestant"]].worker == "ours" and "seconds" in row:
            name = row["contestant"], row["target"], row["budget"]
            groups.setdefault(name, []).append(row)
    cells = [
        [*name, *(_median(mine, phase) for phase in ("seconds", *_PHASES))]
        for name, mine in groups.items()
    ]
    return table_lines(["", "", "budget", "to the fit", *_PHASES.values()], cells)


def _median(rows, key):
    values = [row[key] for row in rows if key in row]
    return number(statistics.median(values)) if values else MISSING


def _search_lines(rows, searches):
    measured = {SEARCHED[row["target"]] for row in rows}
    cells, notes = [], []
    for target, found in searches.items():
        best = {name: search.best(one["trials"]) for name, one in found.items()}
        if target not in measured:
            first = min(best, key=lambda name: search.distance(best[name]))
            notes += [
                f"On the {target} there was a search alone, in which "
                f"{CONTESTANTS[first].label} reached "
                f"{number(search.distance(best[first]))}; ours were not measured.",
                "",
            ]
            continue
        for name, trial in best.items():
            settings = trial["settings"]
            cells.append([
                CONTESTANTS[name].label,
                target,
                f"{settings['num_steps']:,} x {settings['sample_size']:,}",
                str(settings["rate"]),
                "yes" if settings["annealed"] else "no",
                number(search.distance(trial)),
            ])  # fmt: skip
    headings = ["", "searched on", "steps x samples", "rate", "annealed", "distance"]
    return [*table_lines(headings, cells), *notes]
