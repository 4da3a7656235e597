"""Remake the result figure: three densities, Metropolis samples, flows.

Writes results.json, results.md and report/imgs/*.png under --out.
"""

import argparse
import pathlib

from tfp_flows.cli import options
from tfp_flows.experiments.configs import ReproduceConfig, full_or_quick


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    options.add_experiment(
        parser, ReproduceConfig, quick="a shorter run, planar flows only"
    )


def run(args: argparse.Namespace) -> int:
    """Runs the experiment and prints its table."""
    from tfp_flows.experiments.reproduce import reproduce

    results = reproduce(args.out, full_or_quick(ReproduceConfig, args.quick, args.seed))
    out = pathlib.Path(args.out)
    print((out / "results.md").read_text("utf-8"))
    print(f"Figures in {out / 'report' / 'imgs'}, in {results['seconds']:.0f} s.")
    return 0
