"""`tfp-flows reproduce`."""

import argparse
import pathlib

from tfp_flows.cli import options
from tfp_flows.experiments.configs import ReproduceConfig, full_or_quick


def add_to(subparsers: options.Subparsers) -> None:
    """Adds the command."""
    parser = options.add_command(
        subparsers,
        "reproduce",
        run,
        "Remake the result figure: three densities, Metropolis samples, flows.",
        epilog="Writes results.json, results.md and report/imgs/*.png under --out.",
    )
    options.add_out(parser)
    parser.add_argument(
        "--quick", action="store_true", help="a shorter run, planar flows only"
    )
    options.add_config(parser, ReproduceConfig, only=["seed"])


def run(args: argparse.Namespace) -> int:
    """Runs the experiment and prints its table."""
    from tfp_flows.experiments.reproduce import reproduce

    results = reproduce(args.out, full_or_quick(ReproduceConfig, args.quick, args.seed))
    out = pathlib.Path(args.out)
    print((out / "results.md").read_text("utf-8"))
    print(f"Figures in {out / 'report' / 'imgs'}, in {results['seconds']:.0f} s.")
    return 0
