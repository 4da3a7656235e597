"""The table of the README, between its markers."""

import pathlib

from benchmarks.markdown import MISSING
from benchmarks.registry import PEERS
from benchmarks.tables import cell
from benchmarks.workloads import WORKLOADS
from tfp_flows import files
from tfp_flows.experiments.tables import table_lines

START, END = "<!-- benchmark -->", "<!-- end of benchmark -->"

# Heading, workload, case and the index of the metric.
_COLUMNS = (
    ("µs per step, K = 16, D = 2", "step-time", "K = 16", 0),
    ("seconds from process start through 10,000 steps", "wall-time", "K = 16", 0),
    ("µs per step, K = 32, D = 512", "large-step-time", "D = 512", 0),
    ("samples with `log_prob` per second", "throughput", "K = 16", 0),
    (
        "`log_prob` of given points, of a fitted flow, per second",
        "external-log-prob",
        "K = 16",
        0,
    ),
)
# Its rows; the others are in the tables of all results.
_PEERS = (
    "ours",
    "flowjax_scan",
    "flowjax_fit",
    "flowjax_inverse",
    "normflows",
    "pyro",
    "tfb_chain_xla",
    "scipy_root",
)
# Whose versions are named.
_PACKAGES = ("tfp_flows", "tensorflow", "flowjax", "normflows", "pyro-ppl")
# The mark of numbers of an older run, twice for the one before that, and so on.
_OLDER = "†"
_MEANING = (
    "Medians over processes, or (¹) of one process; in brackets how many times tfp_flows "
    "is faster in the same run."
)


def summary(found):
    """The README's table, from all results.

    Args:
      found: results as `results.read` returns them.

    Returns:
      `str`.

    Raises:
      ValueError: if the results have none of the table's workloads.
    """
    columns = [
        (heading, WORKLOADS[name], case, WORKLOADS[name].metrics[index])
        for heading, name, case, index in _COLUMNS
        if case in found.get(name, {}).get("cases", {})
    ]
    if not columns:
        names = ", ".join(dict.fromkeys(name for _, name, _, _ in _COLUMNS))
        raise ValueError(
            f"There is no result for the README's table yet; run one of {names}, or pass "
            "--no-readme."
        )
    runs = versions_by_run(found, columns)
    rows = []
    for peer in _PEERS:
        row = [
            cell(found[workload.name]["cases"], case, peer, metric)
            + marks(found[workload.name], case, peer, list(runs))
            for _, workload, case, metric in columns
        ]
        if any(text != MISSING for text in row):
            rows.append([PEERS[peer].label, *row])
    table = table_lines(["", *(column[0] for column in columns)], rows)
    return "\n".join([*table, f"{_MEANING}{refusals(found, columns)} {listing(runs)}."])


def run_of(section, entry):
    """The day of an entry's run, and the machine."""
    machine = section["runs"][entry["date"]]["machine"]
    return entry["date"].split()[0], f"{machine['cpu']}, {machine['cores']} cores"


def versions_by_run(found, columns):
    """The runs that the numbers are of, the newest first, with their versions.

    Raises:
      ValueError: if numbers of one run are of two versions of a package.
    """
    runs = {}
    for _, workload, case, _ in columns:
        section = found[workload.name]
        for peer, entry in section["cases"][case].items():
            if peer in _PEERS:
                versions = runs.setdefault(run_of(section, entry), {})
                for package, version in entry.get("versions", {}).items():
                    if versions.setdefault(package, version) != version:
                        raise ValueError(
                            f"On {entry['date']} {package} was {versions[package]} and "
                            f"{version}; measure again what is of one of them."
                        )
    return dict(sorted(runs.items(), reverse=True))


def marks(section, case, peer, runs):
    """The marks of a number that was measured once, or in an older run."""
    entry = section["cases"][case].get(peer)
    if entry is None:
        return ""
    once = "¹" if len(entry["repeats"]) == 1 else ""
    return once + _OLDER * runs.index(run_of(section, entry))


def refusals(found, columns):
    """A sentence about those that have no `log_prob` of given points, if there are."""
    names = {}
    for _, workload, case, _ in columns:
        for peer, entry in found[workload.name]["cases"][case].items():
            if any("cannot" in answer for answer in entry["repeats"]):
                names[PEERS[peer].label.split(",")[0]] = None
    if not names:
        return ""
    *others, last = names
    listed = f"{', '.join(others)} and {last}" if others else last
    return f" Out of the box {listed} raise an error for given points."


def listing(runs):
    """Machine, day and versions of each run, and the versions that all have."""
    found = {name: {v[name] for v in runs.values() if name in v} for name in _PACKAGES}
    parts = []
    for i, ((day, machine), versions) in enumerate(runs.items()):
        own = [name for name in _PACKAGES if name in versions and len(found[name]) > 1]
        mark = [f"({_OLDER * i}) {machine}" if i else machine]
        parts.append(", ".join([*mark, day, *(f"{n} {versions[n]}" for n in own)]))
    shared = [f"{name} {min(found[name])}" for name in found if len(found[name]) == 1]
    return "; ".join([*parts, *shared])


def check(path):
    """The README's text.

    Args:
      path: the README.

    Returns:
      `str`.

    Raises:
      ValueError: if it lacks one of the markers, has it twice, or has them in the wrong
        order.
    """
    text = pathlib.Path(path).read_text("utf-8")
    if (
        text.count(START) != 1
        or text.count(END) != 1
        or text.find(START) > text.find(END)
    ):
        raise ValueError(
            f"{pathlib.Path(path).name} must have the line {START} once and after it the "
            f"line {END} once; add them where the table belongs, or pass --no-readme."
        )
    return text


def refresh(path, table):
    """Puts `table` between the markers of the README `path`; see `check` for errors."""
    before, rest = check(path).split(START)
    _, after = rest.split(END)
    files.write_text(path, f"{before}{START}\n\n{table.strip()}\n\n{END}{after}")
