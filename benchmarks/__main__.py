"""Times tfp_flows and other libraries on the same work, and writes what it found.

    python -m benchmarks                          # everything: hours
    python -m benchmarks --only step-time floor   # parts; the rest of the file is kept
    python -m benchmarks --quick                  # one short repeat, to see that it works

The environments of the other libraries are made on the first run.
"""

import argparse
import pathlib
import sys

from tqdm import tqdm

from benchmarks import environments, jobs, machine, plot, readme, results, tables
from benchmarks.registry import PEERS, ROOT
from benchmarks.workloads import WORKLOADS
from tfp_flows import files
from tfp_flows.cli.main import run_command
from tfp_flows.cli.parser import add_traceback


def build_parser():
    """The grammar of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--only", nargs="+", choices=WORKLOADS, default=list(WORKLOADS), metavar="WORK",
        help=f"parts to measure: {', '.join(WORKLOADS)}",
    )  # fmt: skip
    parser.add_argument(
        "--peers", nargs="+", choices=PEERS, default=list(PEERS), metavar="PEER",
        help=f"who takes part: {', '.join(PEERS)}; ratios need `ours` in the same run",
    )  # fmt: skip
    parser.add_argument("--repeats", type=int, default=5, help="processes per number")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one repeat, few steps; leaves the README alone, and its default --out is "
        "quick/ in the folder of the environments",
    )
    parser.add_argument(
        "--environments",
        default=str(ROOT / ".bench"),
        help="folder of the other libraries' environments",
    )
    parser.add_argument("--out", default=None, help="default: benchmarks/results")
    parser.add_argument(
        "--no-readme", action="store_true", help="leave the README's table as it is"
    )
    add_traceback(parser)
    parser.set_defaults(run=run, needs_tensorflow=False)
    return parser


def main(argv=None):
    """Runs the benchmark.

    Returns:
      Exit status: 0, or 1 if a measurement failed, or 2 for bad input.
    """
    return run_command(build_parser().parse_args(argv), name="benchmarks")


def run(args):
    """What `main` does, with errors as exceptions."""
    if args.repeats < 1:
        raise ValueError(f"--repeats must be at least 1, but got {args.repeats}.")
    num_repeats = 1 if args.quick else args.repeats
    out = output_folder(args)
    with_readme = not (args.quick or args.no_readme)
    if with_readme:
        readme.check(ROOT / "README.md")
    found = results.read(out / "results.json")

    workloads = [w for name, w in WORKLOADS.items() if name in args.only]
    plans = {w.name: jobs.plan(w, args.peers, num_repeats, args.quick) for w in workloads}
    total = sum(map(len, plans.values()))
    if not total:
        raise ValueError("None of --peers takes part in any of --only; name others.")
    names = {PEERS[job.peer].environment for plan in plans.values() for job in plan}
    pythons = environments.interpreters(names, args.environments)

    date = machine.now()
    settings = dict(repeats=num_repeats, quick=args.quick)
    description = dict(machine=machine.describe(), settings=settings)
    num_failed = 0
    with tqdm(total=total, unit="job", smoothing=0) as bar:
        for workload in workloads:
            answers = []
            for job in plans[workload.name]:
                bar.set_description(f"{job.workload}, {job.case}, {job.peer}")
                answer = measure(job, *pythons[PEERS[job.peer].environment])
                if "error" in answer:
                    num_failed += 1
                    bar.write(
                        f"{job.workload}, {job.case}, {job.peer}: {answer['error']}"
                    )
                answers.append((job, answer))
                bar.update()
            entries = results.gather(answers, date)
            found = results.merge(found, workload, entries, date, description)
            results.write(out / "results.json", found)
            files.write_text(out / "results.md", tables.document(found))

    plot.write(out / "speed.png", found)
    if with_readme:
        readme.refresh(ROOT / "README.md", readme.summary(found))
    print((out / "results.md").read_text("utf-8"))
    if num_failed:
        print(f"{num_failed} of {total} measurements failed.", file=sys.stderr)
    return 1 if num_failed else 0


def output_folder(args):
    """Where the results go, made if need be."""
    if args.out is not None:
        return files.prepare_folder(args.out)
    if args.quick:
        return files.prepare_folder(pathlib.Path(args.environments) / "quick")
    return files.prepare_folder(ROOT / "benchmarks" / "results")


def measure(job, python, error):
    """The job's answer; its error is that of the environment, where that failed."""
    return dict(error=error) if error is not None else jobs.run(job, python)


if __name__ == "__main__":
    sys.exit(main())
