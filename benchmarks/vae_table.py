"""The table of variational autoencoders: no flow and several, over seeds.

    python -m benchmarks.vae_table --data mnist-10k.npz --out report

Trains each (binarisation, recipe, flow, seed) that vae.json does not have yet, adds its
row, and writes vae.md, the table: means over the seeds ± their standard deviation. Every
row is judged after its last epoch, on test images that are binarised once, with the same
noise for all. The recipe "annealed" is the default of `tfp-flows vae`; "plain" is that of
the PyTorch project whose figures are quoted: a constant rate and no warm-up.
"""

import argparse
import dataclasses
import json
import pathlib
import statistics

import keras
import tensorflow as tf

from benchmarks import machine
from benchmarks.markdown import MISSING
from tfp_flows import files
from tfp_flows.experiments import vae
from tfp_flows.experiments.configs import VaeConfig
from tfp_flows.experiments.images import load_images
from tfp_flows.experiments.tables import table_lines

FLOWS = {
    "no flow": dict(flow="none"),
    "shared planar, K = 20": dict(flow="shared-planar", num_layers=20),
    "planar, K = 4": dict(flow="planar", num_layers=4),
    "planar, K = 20": dict(flow="planar", num_layers=20),
    "radial, K = 20": dict(flow="radial", num_layers=20),
    "Sylvester O, K = 4": dict(flow="sylvester-orthogonal", num_layers=4),
    "Sylvester H, K = 4": dict(flow="sylvester-householder", num_layers=4),
    "Sylvester T, K = 4": dict(flow="sylvester-triangular", num_layers=4),
}
RECIPES = {
    "annealed": dict(schedule="cosine", warm_up_epochs=20),
    "plain": dict(schedule="constant", warm_up_epochs=0),
}
# Of the noise that judges, and that binarises the test images.
_JUDGE_SEED = 20_180_000


def run_row(name, recipe, binarization, seed, data, num_epochs):
    """Trains and judges one model."""
    config = VaeConfig(
        binarization=binarization,
        seed=seed,
        num_epochs=num_epochs,
        **RECIPES[recipe],
        **FLOWS[name],
    )
    model = vae.build(config, data["x_train"].shape[1:])
    history, seconds = vae.train(model, data["x_train"], config)
    samples = dict(num_samples=config.num_importance_samples, seed=_JUDGE_SEED)
    test = vae.judge(model, data["x_test"], **samples)
    # As many training images, to tell overfitting from a poor fit.
    train = vae.judge(
        model, data["x_train"][: len(data["x_test"])], num_samples=20, seed=_JUDGE_SEED
    )
    return dict(
        name=name,
        recipe=recipe,
        binarization=binarization,
        seed=seed,
        test=test,
        train=train,
        train_elbo_of_epochs=[round(value, 3) for value in history["elbo"]],
        num_weights=model.count_params(),
        seconds=seconds,
        config=dataclasses.asdict(config),
    )


def key(row):
    return tuple(row[k] for k in ("name", "recipe", "binarization", "seed"))


def markdown(rows):
    """The tables, one per binarisation and recipe that has rows."""
    lines = []
    for binarization in ("fixed", "dynamic"):
        for recipe in RECIPES:
            part = [
                r
                for r in rows
                if (r["binarization"], r["recipe"]) == (binarization, recipe)
            ]
            if part:
                lines += _table(part, binarization, recipe)
    return "\n".join(lines)


def _table(rows, binarization, recipe):
    first = rows[0]
    epochs, samples = first["config"]["num_epochs"], first["test"]["num_samples"]
    lines = [
        f"Binarisation {binarization}, recipe {recipe}, {epochs} epochs; nats per image, "
        f"mean ± standard deviation over seeds; NLL with {samples} importance samples:",
        "",
    ]
    headings = ["posterior", "-ELBO", "NLL", "-ELBO, training images", "seeds"]
    table = []
    for name in FLOWS:
        mine = [row for row in rows if row["name"] == name]
        if mine:
            columns = [
                [row[part][value] for row in mine]
                for part, value in (
                    ("test", "negative_elbo"),
                    ("test", "importance_nll"),
                    ("train", "negative_elbo"),
                )
            ]
            table.append([name, *map(_spread, columns), str(len(mine))])
    return [*lines, *table_lines(headings, table)]


def _spread(values):
    spread = f"{statistics.stdev(values):.2f}" if len(values) > 1 else MISSING
    return f"{statistics.mean(values):.2f} ± {spread}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="as of tfp-flows vae")
    parser.add_argument("--out", default="report", help="folder of vae.json and vae.md")
    parser.add_argument("--flows", nargs="+", choices=FLOWS, default=list(FLOWS))
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--binarizations", nargs="+", default=["fixed", "dynamic"])
    parser.add_argument("--num-seeds", type=int, default=3)
    parser.add_argument("--num-epochs", type=int, default=60)
    parser.add_argument("--threads", type=int, default=None, help="of TensorFlow's ops")
    args = parser.parse_args()
    if args.threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(args.threads)

    out = files.prepare_folder(args.out)
    data = load_images(args.data)
    path = pathlib.Path(out) / "vae.json"
    jobs = [
        (name, recipe, binarization, seed)
        for recipe in args.recipes
        for binarization in args.binarizations
        for seed in range(args.num_seeds)
        for name in args.flows
    ]
    for job in jobs:
        # Read again each time: other processes may have added rows.
        rows = json.loads(path.read_text("utf-8"))["rows"] if path.exists() else []
        if job in map(key, rows):
            continue
        keras.backend.clear_session()
        row = run_row(*job, data, args.num_epochs)
        rows = json.loads(path.read_text("utf-8"))["rows"] if path.exists() else []
        rows.append(row)
        files.write_json(path, dict(machine=machine.describe(), rows=rows))
        files.write_text(out / "vae.md", markdown(rows))
        print(
            *job,
            f"{row['test']['negative_elbo']:.2f} {row['test']['importance_nll']:.2f}",
            f"train {row['train']['negative_elbo']:.2f} {row['seconds']:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
