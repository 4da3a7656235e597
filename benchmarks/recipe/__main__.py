"""Runs the studies of the recipe and merges their results into one JSON file.

python -m benchmarks.recipe --study energies --targets example1 u4 --num-layers 16 32

Prints the median and worst KL as it goes, and writes `recipe.md`, a table. An entry of
`benchmarks/results/recipe.json` takes the place of an earlier one of the same study,
target, number of layers, steps and samples per step.
"""

import argparse
import functools
import json
import pathlib

import tfp_flows as tff
from benchmarks.markdown import MISSING, number
from benchmarks.recipe.studies import STUDIES
from tfp_flows import files
from tfp_flows.experiments.tables import table_lines
from tfp_flows.vi import recipe

RESULTS = pathlib.Path(__file__).parents[1] / "results" / "recipe.json"
_KEYS = ("num_layers", "target", "moment", "sample_size", "num_steps")
# What there is to know of a table.
_NOTES = dict(
    wall_time="Of 10,000 steps of 4,096 samples.",
    other_dimensions="The KL of eight_schools is not known, as its log Z is not. All but "
    "the banana have an affine map; they were measured before such flows began at a "
    "Gaussian.",
    gradient_variance="Total variance of the two gradient estimators, K = 16 on "
    "`example1`; the path gradient's noise vanishes only at a perfect fit, which this is "
    "not.",
)


def main():
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", nargs="+", choices=STUDIES, default=list(STUDIES))
    parser.add_argument("--targets", nargs="+", default=list(tff.targets.names()))
    parser.add_argument("--num-layers", nargs="+", type=int, default=[16, 32, 64])
    parser.add_argument("--num-steps", type=int, help="default: that of the fit")
    parser.add_argument("--sample-size", type=int, help="default: that of the fit")
    parser.add_argument("--num-seeds", type=int, default=32)
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    args = parser.parse_args()
    for study in args.study:
        for entry in _run(study, args):
            short = {k: v for k, v in entry.items() if not isinstance(v, list)}
            print(study, short, flush=True)
            _merge(args.out, study, entry)


def _run(study, args):
    if study == "energies":
        return STUDIES[study](
            args.targets,
            args.num_layers,
            args.num_seeds,
            args.num_steps,
            args.sample_size,
        )
    if study == "time_to_quality":
        return STUDIES[study](args.targets, args.num_layers, args.num_seeds)
    if study in ("held_out", "other_dimensions"):
        return STUDIES[study](args.num_seeds)
    if study == "wall_time":
        return STUDIES[study](args.num_layers)
    return STUDIES[study]()


def _merge(path, study, entry):
    results = json.loads(path.read_text("utf-8")) if path.exists() else {}

    def key(one):
        return [one.get(name) for name in _KEYS]

    kept = [one for one in results.get(study, []) if key(one) != key(entry)]
    results[study] = [*kept, entry]
    if study == "energies":
        results[study].sort(key=key)
    files.write_json(path, results)
    files.write_text(path.with_suffix(".md"), markdown(results))


def markdown(results):
    """A table per study: the medians and worst cases of its targets."""
    lines = []
    for study, entries in results.items():
        lines += [f"{study.replace('_', ' ')}:", ""]
        lines += [_NOTES[study], ""] if study in _NOTES else []
        if "median" not in entries[0]:
            keys = [k for k, v in entries[0].items() if not isinstance(v, list)]
            columns = [key.replace("_", " ") for key in keys]
            rows = [[_text(entry[key]) for key in keys] for entry in entries]
        else:
            columns = ["target", "K", "steps", "samples per step", "seeds"]
            columns += ["KL, median", "KL, worst"]
            is_timed = "process_seconds" in entries[0]
            columns += ["seconds from start to fitted flow"] if is_timed else []
            rows = [
                [
                    entry["target"],
                    str(entry["num_layers"]),
                    f"{entry['num_steps']:,}{_mark(entry)}",
                    f"{entry['sample_size']:,}",
                    str(len(entry["khat"])),
                    *(_text(entry.get(name, MISSING)) for name in ("median", "worst")),
                    *([_text(entry["process_seconds"])] if is_timed else []),
                ]
                for entry in entries
            ]
        lines += table_lines(columns, rows)
    return "\n".join(lines)


def _mark(entry):
    if entry.get("affine"):
        return ""  # of flows that began elsewhere
    budget = _default_budget(entry.get("event_size", 2), entry["num_layers"])
    return " (default)" if budget == (entry["num_steps"], entry["sample_size"]) else ""


@functools.cache
def _default_budget(event_size, num_layers):
    return recipe.default_budget(tff.planar_flow(event_size, num_layers, seed=0))


def _text(value):
    return str(value) if isinstance(value, str | int) else number(value)


if __name__ == "__main__":
    main()
