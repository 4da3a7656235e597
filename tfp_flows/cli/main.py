"""Entry point: parses, runs one command, turns errors into one line."""

import argparse
import sys
from collections.abc import Sequence

from tfp_flows.cli.parser import build_parser
from tfp_flows.startup import load_tensorflow


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `tfp-flows`.

    Args:
      argv: list of `str`; `None` is the arguments of the process.

    Returns:
      Exit status: 0 for success, 1 for a fit that stopped early, 2 for bad input, 130
      for an interrupt.
    """
    return run_command(build_parser().parse_args(argv))


def run_command(args: argparse.Namespace, *, name: str = "tfp-flows") -> int:
    """Runs `args.run(args)`.

    Args:
      args: with `run`, a callable that returns an exit status; `needs_tensorflow`,
        whether to load it; and `traceback`, whether errors are raised.
      name: of the program, for its errors.

    Returns:
      Exit status, as of `main`.
    """
    try:
        if args.needs_tensorflow:
            load_tensorflow()
        return args.run(args)
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130
    except (
        ArithmeticError,
        ImportError,
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as e:
        if args.traceback:
            raise
        print(f"{name}: error: {' '.join(str(e).split())}", file=sys.stderr)
        return 2
