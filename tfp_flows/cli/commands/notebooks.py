"""`tfp-flows notebooks`, which is `python -m notebooks` of a source checkout."""

from tfp_flows.cli.checkout import add_checkout_command
from tfp_flows.cli.options import Subparsers


def add_to(subparsers: Subparsers) -> None:
    """Adds the command."""
    add_checkout_command(
        subparsers,
        "notebooks",
        "notebooks",
        "Run the notebooks of a source checkout, each in a new kernel.",
        what="set of notebooks",
    )
