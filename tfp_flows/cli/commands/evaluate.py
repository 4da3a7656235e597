"""Judge a saved flow against a density."""

import argparse

from tfp_flows.cli import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    options.add_flow_file(parser)
    options.add_target(parser)
    options.add_data(parser)
    options.add_samples(parser, 100_000)
    parser.add_argument("--out", default=None, help="also write a JSON file")
    parser.add_argument(
        "--figure",
        default=None,
        help="also draw density, samples, weights and loss of a flow in the plane",
    )


def run(args: argparse.Namespace) -> int:
    """Judges the flow, and prints the verdict."""
    from tfp_flows import distributions
    from tfp_flows.cli.load_data import load_posterior
    from tfp_flows.cli.load_target import errors_placed, load_target
    from tfp_flows.density import as_density
    from tfp_flows.experiments.fit import event_size_of
    from tfp_flows.experiments.report_card import evaluate_file
    from tfp_flows.files import prepare_file, write_json

    flow = distributions.load(args.flow)
    for file in (args.out, args.figure):
        if file is not None:
            prepare_file(file, inputs=[args.flow])
    with errors_placed(args.target):
        if args.data is None:
            target = load_target(args.target)
        else:
            target = as_density(load_posterior(args.target, args.data))
        event_size_of(target, flow.event_shape[0])
        report = evaluate_file(
            args.flow,
            flow,
            target,
            num_samples=args.num_samples,
            seed=args.seed,
            figure=args.figure,
        )
    print(report)
    if args.out is not None:
        write_json(args.out, report.to_dict())
    return 0
