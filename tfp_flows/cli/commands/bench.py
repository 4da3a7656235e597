"""`tfp-flows bench`, which is `python -m benchmarks` of a source checkout."""

from tfp_flows.cli.checkout import add_checkout_command
from tfp_flows.cli.options import Subparsers


def add_to(subparsers: Subparsers) -> None:
    """Adds the command."""
    add_checkout_command(
        subparsers,
        "bench",
        "benchmarks",
        "Time this package beside others, from a source checkout.",
        what="benchmark",
    )
