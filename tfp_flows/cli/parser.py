"""The command line's grammar. Imports nothing heavy: `--help` answers at once."""

import argparse

from tfp_flows.cli import commands
from tfp_flows.version import __version__

_TARGET_HELP = (
    "a built-in density (example1 to example3, u1 to u4), or module:function, a "
    "function of points [S, D] that returns log densities [S]; the module is looked up "
    "in the current folder too"
)

# As in experiments/vae_flows.py, which loads TensorFlow; a test compares.
_VAE_FLOWS = (
    "none",
    "planar",
    "radial",
    "sylvester-orthogonal",
    "sylvester-householder",
    "sylvester-triangular",
    "shared-planar",
    "shared-radial",
)


def build_parser():
    """The `argparse.ArgumentParser` of `tfp-flows`."""
    parser = argparse.ArgumentParser(
        prog="tfp-flows",
        description="Normalizing flows for TensorFlow Probability.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument(
        "--traceback", action="store_true", help="show where an error comes from"
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_reproduce(subparsers)
    _add_density(subparsers)
    _add_fit(subparsers)
    _add_evaluate(subparsers)
    _add_sample(subparsers)
    _add_report(subparsers)
    _add_notebooks(subparsers)
    _add_vae(subparsers)
    _add_bench(subparsers)
    return parser


def _add_command(subparsers, name, run, summary, *, epilog=None):
    parser = subparsers.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=epilog,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def _add_reproduce(subparsers):
    parser = _add_command(
        subparsers,
        "reproduce",
        commands.run_reproduce,
        "Remake the result figure: three densities, Metropolis samples, flows.",
        epilog="Writes results.json, results.md and report/imgs/*.png under --out.",
    )
    parser.add_argument("--out", required=True, help="folder for the results")
    parser.add_argument(
        "--quick", action="store_true", help="a shorter run, planar flows only"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of everything")


def _add_density(subparsers):
    parser = _add_command(
        subparsers,
        "density",
        commands.run_density,
        "Fit flows to points by maximum likelihood: moons, circles, a pinwheel.",
        epilog="Writes density.json, density.md and imgs/density-*.png under --out.",
    )
    parser.add_argument("--out", required=True, help="folder for the results")
    parser.add_argument(
        "--quick", action="store_true", help="a shorter run, of fewer flows"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of everything")


def _add_fit(subparsers):
    parser = _add_command(
        subparsers,
        "fit",
        commands.run_fit,
        "Fit a flow to a density and save it.",
        epilog="Writes flow.npz, loss.csv and fit.json under --out.",
    )
    parser.add_argument("target", help=_TARGET_HELP)
    parser.add_argument("--out", required=True, help="folder for the results")
    parser.add_argument(
        "--flow",
        choices=("planar", "radial", "sylvester"),
        default="planar",
        help="kind of layers",
    )
    parser.add_argument("--num-layers", type=int, default=16, help="length K")
    parser.add_argument(
        "--event-size",
        type=int,
        default=None,
        help="size D of the vectors; needed for module:function, built-ins know theirs",
    )
    parser.add_argument(
        "--num-steps",
        type=int,
        default=None,
        help="updates; by default 4,000 to 10,000, by the size of the flow",
    )
    parser.add_argument(
        "--sample-size",
        type=int,
        default=None,
        help="samples per update; by default 2,048 or 4,096, by the size of the flow",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of everything")
    parser.add_argument(
        "--jit-compile",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="compile with XLA or not; by default, for 1,000 steps and more",
    )
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


def _add_evaluate(subparsers):
    parser = _add_command(
        subparsers,
        "evaluate",
        commands.run_evaluate,
        "Judge a saved flow against a density.",
    )
    parser.add_argument("flow", help="flow.npz, as `tfp-flows fit` writes it")
    parser.add_argument("target", help=_TARGET_HELP)
    parser.add_argument("--num-samples", type=int, default=100_000, help="samples")
    parser.add_argument("--seed", type=int, default=0, help="seed of the samples")
    parser.add_argument("--out", default=None, help="also write a JSON file")
    parser.add_argument(
        "--figure",
        default=None,
        help="also draw density, samples, weights and loss of a flow in the plane",
    )


def _add_sample(subparsers):
    parser = _add_command(
        subparsers,
        "sample",
        commands.run_sample,
        "Draw samples from a saved flow.",
        epilog="Columns of the CSV: x1 to xD, log_prob. Arrays of the npz: x, log_prob.",
    )
    parser.add_argument("flow", help="flow.npz, as `tfp-flows fit` writes it")
    parser.add_argument("--num-samples", type=int, default=1_000, help="samples")
    parser.add_argument("--seed", type=int, default=0, help="seed of the samples")
    parser.add_argument("--out", required=True, help="file to write: .csv or .npz")


def _add_report(subparsers):
    parser = _add_command(
        subparsers,
        "report",
        commands.run_report,
        "Remake the technical report, report.pdf, from a source checkout.",
        epilog="Experiments run only if their results file is of another configuration "
        "or version. Speed and the table of variational autoencoders are read from the "
        "files of python -m benchmarks and python -m benchmarks.vae_table.",
    )
    parser.add_argument(
        "--out",
        default=None,
        help="folder for results, figures and report.pdf; by default report/ of the "
        "checkout, with --quick its results/quick-report/",
    )
    parser.add_argument(
        "--quick", action="store_true", help="shorter runs, of fewer flows"
    )
    parser.add_argument(
        "--rerun", action="store_true", help="run experiments that are there already, too"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of everything")


def _add_notebooks(subparsers):
    parser = _add_command(
        subparsers,
        "notebooks",
        commands.run_notebooks,
        "Run the notebooks of a source checkout, each in a new kernel.",
        epilog="Stores their outputs in place, or under --out.",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="shorten them, for tests; without --out, nothing is stored then",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        default=(),
        metavar="NUMBER",
        help="run some of them, such as 03 04; by default all",
    )
    parser.add_argument("--out", default=None, help="folder for the executed notebooks")


def _add_vae(subparsers):
    parser = _add_command(
        subparsers,
        "vae",
        commands.run_vae,
        "Train a variational autoencoder with a flow posterior on images.",
        epilog="Writes model.keras, history.csv, vae.json, samples.png, "
        "reconstructions.png and, with --latent-size 2, latent-map.png under --out.",
    )
    parser.add_argument(
        "--data",
        required=True,
        help="mnist, which Keras downloads, or an .npz file with x_train and x_test, "
        "[N, height, width], bytes or floats in [0, 1], and optionally y_test",
    )
    parser.add_argument("--out", required=True, help="folder for the results")
    parser.add_argument(
        "--flow", choices=_VAE_FLOWS, default="planar", help="kind of posterior"
    )
    parser.add_argument("--num-layers", type=int, default=20, help="length K of the flow")
    parser.add_argument("--latent-size", type=int, default=20, help="size D of z")
    parser.add_argument(
        "--networks",
        choices=("mlp", "gated_conv"),
        default="mlp",
        help="encoder and decoder",
    )
    parser.add_argument(
        "--binarization",
        choices=("dynamic", "fixed"),
        default="dynamic",
        help="new Bernoulli samples in each epoch, or 1 above 0.5",
    )
    parser.add_argument("--epochs", type=int, default=60, help="passes through the data")
    parser.add_argument("--batch-size", type=int, default=128, help="images per update")
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="of Adam")
    parser.add_argument(
        "--schedule",
        choices=("cosine", "constant"),
        default="cosine",
        help="of the learning rate; cosine ends at 0",
    )
    parser.add_argument(
        "--warm-up-epochs",
        type=int,
        default=20,
        help="epochs over which the weight of the KL term rises to 1; 0 for none",
    )
    parser.add_argument(
        "--num-importance-samples",
        type=int,
        default=500,
        help="samples per test image for its likelihood",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of everything")
    parser.add_argument(
        "--jit-compile",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="compile the training step with XLA",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a model saved there before"
    )


def _add_bench(subparsers):
    # Everything after `bench` is for the benchmark's own parser, --help too. Without a
    # prefix character no argument is an option of this one; argparse.REMAINDER would
    # refuse an option in the first place.
    parser = subparsers.add_parser(
        "bench",
        help="Time this package beside others, from a source checkout.",
        add_help=False,
        prefix_chars="\0",
    )
    parser.add_argument("arguments", nargs="*")
    parser.set_defaults(run=commands.run_bench)
