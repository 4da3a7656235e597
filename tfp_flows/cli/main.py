"""Entry point: parses, runs one command, turns errors into one line."""

import sys

from tfp_flows.cli.parser import build_parser
from tfp_flows.startup import load_tensorflow


def main(argv=None):
    """Runs `tfp-flows`.

    Args:
      argv: list of `str`; `None` is the arguments of the process.

    Returns:
      Exit status: 0 for success, 1 for a fit that stopped early, 2 for bad input, 130
      for an interrupt.
    """
    args = build_parser().parse_args(argv)
    try:
        load_tensorflow()
        return args.run(args)
    except KeyboardInterrupt:
        print("tfp-flows: interrupted", file=sys.stderr)
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
        print(f"tfp-flows: error: {' '.join(str(e).split())}", file=sys.stderr)
        return 2
