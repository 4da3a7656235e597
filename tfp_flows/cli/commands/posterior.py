"""Fit the posterior of a model and judge it.

Writes posterior.npz, flow.npz, posterior.nc (ArviZ), summary.csv, posterior.json and
posterior.png under --out.
"""

import argparse

from tfp_flows.cli import options
from tfp_flows.experiments.configs import PosteriorConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "model",
        help="module:attribute, a tfd.JointDistribution; the module is looked up in the "
        "current folder too",
    )
    parser.add_argument(
        "--data",
        required=True,
        help="JSON or npz file with the observed parts of the model by name",
    )
    options.add_out(parser)
    options.add_config(parser, PosteriorConfig)
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a posterior saved there before"
    )


def run(args: argparse.Namespace) -> int:
    """Fits the posterior, and prints the verdict and the summary."""
    from tfp_flows.cli.load_target import errors_placed, load_attribute
    from tfp_flows.experiments.outputs import check_folder
    from tfp_flows.experiments.posterior import RESULT, posterior, read_data

    check_folder(args.out, RESULT, overwrite=args.overwrite)
    data = read_data(args.data)
    with errors_placed(args.model):
        fitted, summary = posterior(
            args.out,
            load_attribute(args.model),
            data,
            options.parsed_config(PosteriorConfig, args),
            overwrite=args.overwrite,
        )
    print(fitted)
    print(summary)
    return 0
