"""Train a variational autoencoder with a flow posterior on images.

Writes model.keras, history.csv, vae.json, samples.png, reconstructions.png and, with
--latent-size 2, latent-map.png under --out.
"""

import argparse
import pathlib

from tfp_flows.cli import options
from tfp_flows.experiments.configs import VaeConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "--data",
        required=True,
        help="mnist, which Keras downloads, or an .npz file with x_train and x_test, "
        "[N, height, width], bytes or floats in [0, 1], and optionally y_test",
    )
    options.add_out(parser)
    options.add_config(parser, VaeConfig)
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a model saved there before"
    )


def run(args: argparse.Namespace) -> int:
    """Trains the model, and prints how well it knows the test images."""
    from tfp_flows.experiments import vae

    config = options.parsed_config(VaeConfig, args)
    results = vae.run(args.out, args.data, config, overwrite=args.overwrite)
    test = results["test"]
    print(
        f"Test images, nats per image: -ELBO {test['negative_elbo']:.2f} ± "
        f"{test['negative_elbo_standard_error']:.2f}, -log p(x) with "
        f"{test['num_samples']} importance samples {test['importance_nll']:.2f} ± "
        f"{test['importance_nll_standard_error']:.2f}."
    )
    print(f"Files in {pathlib.Path(args.out)}, in {results['seconds']:.0f} s.")
    return 0
