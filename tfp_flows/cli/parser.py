"""The command line's grammar. Imports nothing heavy: `--help` answers at once."""

import argparse
import importlib

from tfp_flows.cli import checkout
from tfp_flows.version import __version__

# Modules of `cli.commands`. Each has `add_arguments(parser)` and `run(args)`, which
# returns an exit status; its docstring is what `--help` says: a line of what the command
# does, and what it writes. What loads TensorFlow, for seconds, is imported inside `run`.
_COMMANDS = ("reproduce", "density", "fit", "posterior", "evaluate", "sample", "vae")

_EXIT_STATUS = (
    "Exit status: 0, done; 1, a fit that stopped early, with what it had, or a fault of "
    "the program, with its traceback; 2, what was given is wrong, or cannot be read or "
    "written, which stderr says in one line; 130, interrupted; 143, terminated."
)


def build_parser() -> argparse.ArgumentParser:
    """The `argparse.ArgumentParser` of `tfp-flows`."""
    parser = argparse.ArgumentParser(
        prog="tfp-flows",
        description="Normalizing flows for TensorFlow Probability.",
        epilog=_EXIT_STATUS,
    )
    parser.add_argument("--version", action="version", version=__version__)
    add_traceback(parser)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in _COMMANDS:
        module = importlib.import_module(f"tfp_flows.cli.commands.{name}")
        summary, _, epilog = (module.__doc__ or "").partition("\n\n")
        command = subparsers.add_parser(
            name,
            help=summary,
            description=summary,
            epilog=epilog,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        command.set_defaults(run=module.run, needs_tensorflow=True)
        module.add_arguments(command)
    checkout.add_commands(subparsers)
    return parser


def add_traceback(parser: argparse.ArgumentParser) -> None:
    """Adds `--traceback`, which `main.run_command` reads."""
    parser.add_argument(
        "--traceback", action="store_true", help="show where an error comes from"
    )
