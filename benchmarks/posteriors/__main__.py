"""Seven real posteriors by `tff.fit_posterior` and by other methods.

    python -m benchmarks.posteriors DATA --seeds 0 1 2
    python -m benchmarks.posteriors DATA --methods default    # of tfp_flows alone

DATA is a folder with the JSON files of posteriordb's data and a `reference.json`, see
`reference.read`. Each method works on each posterior in a process of its own, in turn, in
environments that are made on the first run. Writes posteriors.json, of which only what is
measured anew is replaced, and posteriors.md, its tables. Within is what has every mean
within 0.1 standard deviations of the reference and every standard deviation within 10 %.
"""

import argparse
import json
import math
import pathlib
import statistics
import sys

from benchmarks import environments, jobs, machine
from benchmarks.markdown import MISSING
from benchmarks.posteriors import reference
from benchmarks.registry import ROOT
from tfp_flows import files
from tfp_flows.experiments.tables import table_lines

# Label, worker and environment of each method.
METHODS = dict(
    default=("**`tff.fit_posterior`**", "ours", None),
    gaussian=("its Gaussian start alone", "ours", None),
    planar=("planar, K = 16", "ours", None),
    sylvester=("Sylvester, K = 4", "ours", None),
    autoregressive=("autoregressive, K = 3", "ours", None),
    nuts=("NumPyro NUTS, 4 x 1,000, chains in parallel", "with_numpyro", "numpyro"),
    nuts_in_turn=("the same, chains in turn, its default", "with_numpyro", "numpyro"),
    iaf=("NumPyro AutoIAFNormal", "with_numpyro", "numpyro"),
    normal=("NumPyro AutoMultivariateNormal", "with_numpyro", "numpyro"),
    pathfinder=("BlackJAX Pathfinder", "with_numpyro", "numpyro"),
    advi=("PyMC full-rank ADVI", "with_pymc", "pymc"),
)
_TIMEOUT = 600.0
_VERDICTS = {"usable with importance weights": "usable", "do not trust": "no trust"}


def measure(name, method, seed, folder, interpreter):
    """The row of one posterior, method and seed, of a process of its own."""
    row = dict(name=name, method=method, seed=seed)
    module = f"benchmarks.posteriors.workers.{METHODS[method][1]}"
    job = json.dumps(dict(row, folder=str(folder)))
    found = jobs.run_worker([interpreter, "-m", module, job], _TIMEOUT)
    if not all(map(math.isfinite, found.get("raw", []))):
        found = dict(error="draws that are not finite", seconds=found["seconds"])
    return row | found


def by_method(rows, name, method):
    """The rows of a posterior and a method, without those that failed."""
    return [
        row
        for row in rows
        if (row["name"], row["method"]) == (name, method) and "error" not in row
    ]


def document(rows):
    """The tables in Markdown."""
    names = [name for name in reference.NAMES if any(r["name"] == name for r in rows)]
    methods = [m for m in METHODS if any(row["method"] == m for row in rows)]
    seconds = {
        (name, method): statistics.median(row["seconds"] for row in found)
        for name in names
        for method in methods
        if (found := by_method(rows, name, method))
    }
    summary = []
    for method in methods:
        judged = [row for name in names for row in by_method(rows, name, method)]
        total = sum(row["method"] == method for row in rows)
        within = sum(is_within(row) for row in judged)
        times = [seconds[name, method] for name in names if (name, method) in seconds]
        typical = f"{statistics.median(times):.1f}" if times else MISSING
        slowest = f"{max(times):.1f}" if times else MISSING
        row = [METHODS[method][0], f"{within} of {total}", typical, slowest]
        summary.append([*row, _truth(judged)])
    headings = ["method", "within", "median s", "slowest posterior, median s"]
    headings += ["verdicts true"]
    lines = ["# Posteriors", "", *table_lines(headings, summary), ""]
    lines += [
        "Seconds are from the model to a summary, compilation included. Within: by raw "
        "draws or, where there are some, weighted ones. A verdict is true if it is good "
        "and raw draws are within, usable and weighted ones are, or neither and raw ones "
        "are not.",
        "",
    ]
    for name in names:
        cells = [
            [METHODS[method][0], *_cells(row)]
            for method in methods
            for row in rows
            if (row["name"], row["method"]) == (name, method)
        ]
        headings = [
            "method",
            "seed",
            "s",
            "raw: mean, sd",
            "weighted",
            "k-hat",
            "verdict",
        ]
        lines += [f"## {name}", "", *table_lines(headings, cells), ""]
    return "\n".join(lines)


def is_within(row):
    """Whether raw or weighted draws of a row are within."""
    return any(
        reference.is_within(row[kind]) for kind in ("raw", "weighted") if kind in row
    )


def is_true(row):
    """Whether the verdict of a row says what its draws are."""
    if row["verdict"] == "good":
        return reference.is_within(row["raw"])
    if row["verdict"] == "usable with importance weights":
        return reference.is_within(row["weighted"])
    return not reference.is_within(row["raw"])


def _truth(rows):
    judged = [row for row in rows if "verdict" in row]
    return f"{sum(map(is_true, judged))} of {len(judged)}" if judged else MISSING


def _cells(row):
    if "error" in row:
        return [str(row["seed"]), MISSING, row["error"], MISSING, MISSING, MISSING]
    errors = [
        f"{row[kind][0]:.3f}, {row[kind][1]:.3f}"
        + ("" if reference.is_within(row[kind]) else " (off)")
        if kind in row
        else MISSING
        for kind in ("raw", "weighted")
    ]
    khat = f"{row['khat']:.2f}" if "khat" in row else MISSING
    verdict = row.get("verdict", MISSING)
    verdict = _VERDICTS.get(verdict, verdict)
    return [str(row["seed"]), f"{row['seconds']:.1f}", *errors, khat, verdict]


def key(row):
    """What a row is the result of."""
    return row["name"], row["method"], row["seed"]


def main(argv=None):
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=pathlib.Path, help="folder with the data")
    parser.add_argument("--only", nargs="+", choices=reference.NAMES)
    parser.add_argument("--methods", nargs="+", choices=METHODS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--environments", default=str(ROOT / ".bench"))
    parser.add_argument("--out", default=ROOT / "benchmarks" / "results")
    args = parser.parse_args(argv)
    names, methods = args.only or reference.NAMES, args.methods or list(METHODS)
    for name in names:
        reference.read(name, args.data)
    out = files.prepare_folder(args.out, "--out")
    path = out / "posteriors.json"
    rows = json.loads(path.read_text("utf-8"))["rows"] if path.exists() else []
    wanted = {METHODS[method][2] for method in methods}
    pythons = environments.interpreters(wanted, args.environments)
    for seed in args.seeds:
        for name in names:
            for method in methods:
                python, error = pythons[METHODS[method][2]]
                if error is not None:
                    raise RuntimeError(error)
                row = measure(name, method, seed, args.data.absolute(), python)
                print(json.dumps(row), flush=True)
                rows = [other for other in rows if key(other) != key(row)] + [row]
                rows.sort(key=_place)
                files.write_json(path, dict(machine=machine.describe(), rows=rows))
                files.write_text(out / "posteriors.md", document(rows))
    print(document(rows))


def _place(row):
    return reference.NAMES.index(row["name"]), *key(row)[1:]


if __name__ == "__main__":
    sys.exit(main())
