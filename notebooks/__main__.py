"""Runs the notebooks, each in a new kernel, and stores their outputs.

tfp-flows notebooks              # in a source checkout; or python -m notebooks
tfp-flows notebooks --only 03
tfp-flows notebooks --quick      # only to see that they run
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

from notebooks.execution import run_notebooks
from tfp_flows.cli.main import run_command
from tfp_flows.cli.parser import add_traceback

FOLDER = pathlib.Path(__file__).parent


def build_parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    parser = argparse.ArgumentParser(
        prog="tfp-flows notebooks",
        description="Run the notebooks of a source checkout, each in a new kernel.",
        epilog="Stores their outputs in place, or under --out.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="shorten them, for tests, by the values in their metadata; without --out, "
        "nothing is stored then",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        default=(),
        metavar="NUMBER",
        help="run some of them, such as 03 04; by default all",
    )
    parser.add_argument("--out", default=None, help="folder for the executed notebooks")
    add_traceback(parser)
    parser.set_defaults(run=run, needs_tensorflow=False)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the notebooks; arguments and exit status as of `tfp-flows`."""
    return run_command(build_parser().parse_args(argv))


def run(args: argparse.Namespace) -> int:
    """Runs the notebooks, and prints where their outputs are."""
    written = run_notebooks(FOLDER, only=args.only, quick=args.quick, out=args.out)
    if written:
        print(f"{len(written)} notebooks, with outputs, in {written[0].parent}.")
    else:
        print("All ran. Of quick runs nothing is stored without --out.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
