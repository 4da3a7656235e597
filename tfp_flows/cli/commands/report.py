"""`tfp-flows report`, which is `python -m report` of a source checkout."""

from tfp_flows.cli.checkout import add_checkout_command
from tfp_flows.cli.options import Subparsers


def add_to(subparsers: Subparsers) -> None:
    """Adds the command."""
    add_checkout_command(
        subparsers,
        "report",
        "report",
        "Remake the technical report, report.pdf, from a source checkout.",
        what="report",
    )
