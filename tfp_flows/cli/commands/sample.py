"""Draw samples from a saved flow.

Columns of the CSV: x1 to xD, log_prob. Arrays of the npz: x, log_prob. A batch
of flows is written as npz alone.
"""

import argparse

from tfp_flows.cli import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    options.add_flow_file(parser)
    options.add_samples(parser, 1_000)
    parser.add_argument("--out", required=True, help="file to write: .csv or .npz")


def run(args: argparse.Namespace) -> int:
    """Draws the samples."""
    from tfp_flows import distributions
    from tfp_flows.experiments.sample import sample_writer

    writer = sample_writer(args.out, inputs=[args.flow])
    flow = distributions.load(args.flow)
    writer(flow, num_samples=args.num_samples, seed=args.seed)
    print(f"Wrote {args.num_samples} samples to {args.out}.")
    return 0
