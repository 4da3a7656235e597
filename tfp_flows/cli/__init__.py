"""The console script `tfp-flows`."""

from tfp_flows.cli.main import main

__all__ = ["main"]
