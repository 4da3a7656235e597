"""Remakes the technical report, report.pdf.

tfp-flows report                 # in a source checkout; or python -m report
tfp-flows report --quick         # shorter runs, into results/quick-report
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

from tfp_flows.cli.main import run_command
from tfp_flows.cli.parser import add_traceback

ROOT = pathlib.Path(__file__).parents[1]


def build_parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    parser = argparse.ArgumentParser(
        prog="tfp-flows report",
        description="Remake the technical report, report.pdf, from a source checkout.",
        epilog="Experiments run only if their results file is of another configuration "
        "or version. Speed and the table of variational autoencoders are read from the "
        "files of python -m benchmarks and python -m benchmarks.vae_table.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--out",
        default=None,
        help="folder for results, figures and report.pdf; by default report/ of the "
        "checkout, with --quick its results/quick-report/",
    )
    parser.add_argument(
        "--quick", action="store_true", help="shorter runs, of fewer flows"
    )
    parser.add_argument(
        "--rerun", action="store_true", help="run experiments that are there already, too"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of everything")
    add_traceback(parser)
    parser.set_defaults(run=run, needs_tensorflow=True)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Remakes the report; arguments and exit status as of `tfp-flows`."""
    return run_command(build_parser().parse_args(argv))


def run(args: argparse.Namespace) -> int:
    """Remakes the report, and prints where it is."""
    # Here, as it loads TensorFlow.
    from report.remake import report

    # A short run must not replace the results of a full one.
    default = ROOT / "results" / "quick-report" if args.quick else ROOT / "report"
    out = default if args.out is None else pathlib.Path(args.out)
    print(report(out, ROOT, quick=args.quick, rerun=args.rerun, seed=args.seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
