"""Entry point: parses, runs one command, turns errors into one line."""

import argparse
import contextlib
import signal
import sys
import threading
import types
from collections.abc import Iterator, Sequence

from tfp_flows.cli.parser import build_parser
from tfp_flows.startup import load_tensorflow


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `tfp-flows`.

    Args:
      argv: list of `str`; `None` is the arguments of the process.

    Returns:
      Exit status, as `tfp-flows --help` lists them.
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
        with _raised_when_terminated():
            if args.needs_tensorflow:
                load_tensorflow()
            return args.run(args)
    except KeyboardInterrupt as interrupt:
        print(f"{name}: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        return 130
    except _Terminated:
        print(f"{name}: terminated", file=sys.stderr)
        return 143
    except Exception as error:
        if args.traceback or not isinstance(error, _expected_errors()):
            raise
        print(f"{name}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


class _Terminated(BaseException):
    """SIGTERM came."""


@contextlib.contextmanager
def _raised_when_terminated() -> Iterator[None]:
    """A context in which SIGTERM is raised, so that nothing is left half done."""

    def handle(signum: int, frame: types.FrameType | None) -> None:
        del signum, frame
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield  # no other thread may handle signals
        return
    previous = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _expected_errors() -> tuple[type[Exception], ...]:
    """What bad input leads to; anything else is a fault of the program."""
    expected = (
        ArithmeticError,
        ImportError,
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
    )
    tensorflow = sys.modules.get("tensorflow")
    return expected if tensorflow is None else (*expected, tensorflow.errors.OpError)
