"""The command line's grammar. Imports nothing heavy: `--help` answers at once."""

import argparse
import importlib

from tfp_flows.version import __version__

# Modules of `cli.commands`, each with a function `add_to(subparsers)`; `--help` lists
# them so.
_COMMANDS = (
    "reproduce",
    "density",
    "fit",
    "evaluate",
    "sample",
    "report",
    "notebooks",
    "vae",
    "bench",
)


def build_parser() -> argparse.ArgumentParser:
    """The `argparse.ArgumentParser` of `tfp-flows`."""
    parser = argparse.ArgumentParser(
        prog="tfp-flows",
        description="Normalizing flows for TensorFlow Probability.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    add_traceback(parser)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in _COMMANDS:
        importlib.import_module(f"tfp_flows.cli.commands.{name}").add_to(subparsers)
    return parser


def add_traceback(parser: argparse.ArgumentParser) -> None:
    """Adds `--traceback`, which `main.run_command` reads."""
    parser.add_argument(
        "--traceback", action="store_true", help="show where an error comes from"
    )
