"""Fit a flow to a density and save it.

Writes flow.npz, loss.csv and fit.json under --out.
"""

import argparse
import pathlib
import sys

from tfp_flows.cli import options
from tfp_flows.experiments.configs import FitConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    options.add_target(parser)
    options.add_data(parser)
    options.add_out(parser)
    options.add_config(parser, FitConfig)
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a flow saved there before"
    )
    parser.add_argument(
        "--checkpoint",
        default=None,
        metavar="DIR",
        help="folder for a checkpoint, from which an interrupted fit goes on",
    )
    parser.add_argument(
        "--tensorboard",
        default=None,
        metavar="DIR",
        help="folder for an event file of TensorBoard",
    )


def run(args: argparse.Namespace) -> int:
    """Fits the flow, and says how it went and where it is."""
    from tfp_flows import vi
    from tfp_flows.cli.load_data import load_posterior
    from tfp_flows.cli.load_target import errors_placed, load_target
    from tfp_flows.experiments.fit import fit
    from tfp_flows.experiments.outputs import check_folder

    check_folder(args.out, "flow.npz", overwrite=args.overwrite)
    saved = f"Saved to {pathlib.Path(args.out) / 'flow.npz'}."
    try:
        with errors_placed(args.target):
            result = fit(
                args.out,
                load_target(args.target)
                if args.data is None
                else load_posterior(args.target, args.data),
                options.parsed_config(FitConfig, args),
                overwrite=args.overwrite,
                checkpoint_dir=args.checkpoint,
                tensorboard_dir=args.tensorboard,
            )
    except vi.FitError as error:
        print(f"tfp-flows: error: {error} {saved}", file=sys.stderr)
        return 1
    print(result)
    print(saved)
    return 0
