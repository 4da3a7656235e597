"""`tfp-flows density`."""

import argparse
import pathlib

from tfp_flows.cli import options
from tfp_flows.experiments.configs import DensityConfig, full_or_quick


def add_to(subparsers: options.Subparsers) -> None:
    """Adds the command."""
    parser = options.add_command(
        subparsers,
        "density",
        run,
        "Fit flows to points by maximum likelihood: moons, circles, a pinwheel.",
        epilog="Writes density.json, density.md and imgs/density-*.png under --out.",
    )
    options.add_out(parser)
    parser.add_argument(
        "--quick", action="store_true", help="a shorter run, of fewer flows"
    )
    options.add_config(parser, DensityConfig, only=["seed"])


def run(args: argparse.Namespace) -> int:
    """Runs the experiment and prints its table."""
    from tfp_flows.experiments.density_estimation import estimate_densities

    config = full_or_quick(DensityConfig, args.quick, args.seed)
    results = estimate_densities(args.out, config)
    out = pathlib.Path(args.out)
    print((out / "density.md").read_text("utf-8"))
    print(f"Figures in {out / 'imgs'}, in {results['seconds']:.0f} s.")
    return 0
