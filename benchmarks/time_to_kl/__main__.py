"""Time to KL: from the start of a process to a fitted flow, beside other libraries.

    python -m benchmarks.time_to_kl search DATA     # settings of the others, 20 minutes
    python -m benchmarks.time_to_kl measure DATA    # all fits, 3 seeds: 50 minutes
    python -m benchmarks.time_to_kl tables          # tables and figure alone

DATA is a folder with posteriordb's `eight_schools.json` and a `reference.json`, see
`benchmarks.posteriors.reference`. Every fit is a process of its own, in an environment
that is made on the first run, and its result is stored at once: a run that was
interrupted goes on where it was, and what is there is not measured again. Writes
time_to_kl_search.json; time_to_kl.json, .md and .png.
"""

import argparse
import pathlib
import sys

from benchmarks import environments
from benchmarks.registry import ROOT
from benchmarks.time_to_kl import plot, run, tables
from benchmarks.time_to_kl.contestants import CONTESTANTS
from benchmarks.time_to_kl.densities import DENSITIES
from tfp_flows import files


def build_parser():
    """The grammar of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.time_to_kl", description=__doc__.splitlines()[0]
    )
    parser.add_argument("task", choices=("search", "measure", "tables"))
    parser.add_argument("data", type=pathlib.Path, nargs="?", help="folder with the data")
    parser.add_argument("--targets", nargs="+", choices=DENSITIES, default=[*DENSITIES])
    parser.add_argument(
        "--contestants", nargs="+", choices=CONTESTANTS, default=[*CONTESTANTS]
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument(
        "--minutes", type=float, default=50.0, help="after which no fit is begun"
    )
    parser.add_argument("--environments", default=str(ROOT / ".bench"))
    parser.add_argument("--out", default=str(ROOT / "benchmarks" / "results"))
    return parser


def main(argv=None):
    """The command."""
    args = build_parser().parse_args(argv)
    out = files.prepare_folder(args.out, "--out")
    if args.task == "tables":
        return write(out)
    if args.data is None:
        raise ValueError(f"`{args.task}` needs the folder with the data; name it.")
    wanted = {CONTESTANTS[name].environment for name in args.contestants}
    found = environments.interpreters(wanted, args.environments)
    for _, error in found.values():
        if error is not None:
            raise RuntimeError(error)
    session = run.Session(
        folder=args.data.absolute(),
        pythons={name: python for name, (python, _) in found.items()},
        out=out,
    )
    if args.task == "search":
        run.search_all(session, args.targets, args.contestants)
        return 0
    run.measure_all(session, args.targets, args.contestants, args.seeds, args.minutes)
    return write(out)


def write(out):
    """Tables and figure of what was measured so far."""
    found = run.read(out / run.RESULTS, rows=[])
    files.write_text(
        out / "time_to_kl.md", tables.document(found, run.read(out / run.SEARCH))
    )
    plot.write(out / "time_to_kl.png", found["rows"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
