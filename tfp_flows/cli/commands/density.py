"""Fit flows to points by maximum likelihood: moons, circles, a pinwheel.

Writes density.json, density.md and imgs/density-*.png under --out.
"""

import argparse
import pathlib

from tfp_flows.cli import options
from tfp_flows.experiments.configs import DensityConfig, full_or_quick


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    options.add_experiment(parser, DensityConfig, quick="a shorter run, of fewer flows")


def run(args: argparse.Namespace) -> int:
    """Runs the experiment and prints its table."""
    from tfp_flows.experiments.density_estimation import estimate_densities

    config = full_or_quick(DensityConfig, args.quick, args.seed)
    results = estimate_densities(args.out, config)
    out = pathlib.Path(args.out)
    print((out / "density.md").read_text("utf-8"))
    print(f"Figures in {out / 'imgs'}, in {results['seconds']:.0f} s.")
    return 0
