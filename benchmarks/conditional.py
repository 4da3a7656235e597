"""Conditional densities: against known ones, and beside other heads on real data.

    python -m benchmarks.conditional --out benchmarks/results

Writes conditional.json, and conditional.md, its tables. Of densities that are known, the
excess is KL(p(y | x) ‖ q(y | x)), a mean over x of the test points: -log q + log p. On
scikit-learn's diabetes data, every head is trained alike: the same network, start,
optimizer and early stopping, the same splits.
"""

import argparse
import json
import pathlib
import statistics
import time

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from sklearn.datasets import load_diabetes

import tfp_flows as tff
from benchmarks import machine
from benchmarks.conditional_toys import TOYS
from benchmarks.markdown import MISSING
from tfp_flows import files
from tfp_flows.experiments.tables import table_lines

FAMILIES = {
    "planar": tff.layers.AmortizedPlanar,
    "radial": tff.layers.AmortizedRadial,
    "Sylvester": tff.layers.AmortizedSylvester,
}
NORMAL = "normal"
MIXTURES = {NORMAL: 1, "mixture of 5 normals": 5}
TOY = dict(num_layers=8, num_train=100_000, num_test=50_000, batch_size=500, epochs=20)
REAL = dict(num_layers=4, batch_size=32, patience=30, epochs=400, num_splits=10)
NUM_DRAWN = 1_000
DIRECTIONS = {True: "points to base", False: "base to points"}


def run_toy(toy, family, invert, seed=0):
    """Fits one flow to one density; a row of the results."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    sets = [TOYS[toy].draw(rng, TOY[name]) for name in ("num_train", "num_test")]
    (x, y), (x_test, y_test) = ([a.astype("float32") for a in pair] for pair in sets)
    model = tff.models.ConditionalFlow(
        y.shape[1],
        [1],
        FAMILIES[family](TOY["num_layers"], seed=seed),
        invert=invert,
        seed=seed,
    )
    model.adapt(x, y)
    num_steps = TOY["epochs"] * len(x) // TOY["batch_size"]
    model.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(3e-3, num_steps), global_clipnorm=10.0
        ),
        jit_compile=True,
    )
    clock = EpochClock()
    model.fit(
        x,
        y,
        batch_size=TOY["batch_size"],
        epochs=TOY["epochs"],
        callbacks=[clock],
        verbose=0,
    )
    log_q = model.predict([x_test, y_test], batch_size=5_000, verbose=0)
    excess = TOYS[toy].log_prob(*sets[1]) - log_q
    return dict(
        toy=toy,
        family=family,
        invert=invert,
        seed=seed,
        excess=float(np.mean(excess)),
        standard_error=float(np.std(excess) / np.sqrt(len(excess))),
        truth=float(-np.mean(TOYS[toy].log_prob(*sets[1]))),
        # The first epoch compiles.
        milliseconds_per_step=1e3
        * statistics.median(clock.seconds[1:])
        / (len(x) / TOY["batch_size"]),
        milliseconds_to_sample=_sampling_time(model, x_test[:NUM_DRAWN]),
    )


class EpochClock(keras.callbacks.Callback):
    """The seconds of each epoch."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Stops it."""
        self.seconds.append(time.perf_counter() - self._start)


def _sampling_time(model, x):
    draw = tf.function(lambda x: model.sample(x, 1, seed=0), jit_compile=True)
    draw(x)
    times = []
    for _ in range(11):
        start = time.perf_counter()
        draw(x).numpy()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def network(seed):
    """From the ten columns of the diabetes data to features, the same for all heads."""
    return tff.models.mlp_encoder([10], hidden_sizes=(32,), seed=seed)


def train(model, x, y, seed):
    """Adam, and early stopping on a fifth of the points; returns the model."""
    rows = np.random.default_rng(seed).permutation(len(x))
    held_out, rest = np.split(rows, [len(rows) // 5])
    stop = keras.callbacks.EarlyStopping(
        "val_loss", patience=REAL["patience"], restore_best_weights=True
    )
    model.fit(
        x[rest],
        y[rest],
        validation_data=(x[held_out], y[held_out]),
        batch_size=REAL["batch_size"],
        epochs=REAL["epochs"],
        callbacks=[stop],
        verbose=0,
    )
    return model


def mixture_nll(x, y, x_test, y_test, seed, num_components):
    """-log p(y | x) of a head of normals, as one writes it in Keras."""
    mean, scale = y.mean(), y.std()
    x_mean, x_scale = x.mean(axis=0), x.std(axis=0)
    features = network(seed)
    # It starts as flows do: near a density that does not depend on x.
    start = np.zeros([3, num_components], np.float32)
    start[1] = np.linspace(-1.0, 1.0, num_components) if num_components > 1 else 0.0
    head = keras.layers.Dense(
        start.size,
        kernel_initializer=keras.initializers.VarianceScaling(0.01, seed=seed),
        bias_initializer=lambda shape, dtype=None: tf.cast(start.ravel(), dtype),
    )
    model = keras.Model(features.input, head(features.output))

    def loss(y, parameters):
        logits, loc, scale = tf.split(parameters, 3, axis=-1)
        normals = tfp.distributions.Normal(loc, tf.math.softplus(scale + 0.5413))
        mixture = tfp.distributions.MixtureSameFamily(
            tfp.distributions.Categorical(logits=logits), normals
        )
        return -mixture.log_prob(y[..., 0])

    model.compile(keras.optimizers.Adam(1e-3), loss=loss, jit_compile=False)
    train(model, (x - x_mean) / x_scale, (y - mean) / scale, seed)
    parameters = model.predict((x_test - x_mean) / x_scale, verbose=0)
    return np.mean(loss((y_test - mean) / scale, parameters)) + np.log(scale)


def flow_nll(x, y, x_test, y_test, seed, family):
    """-log p(y | x) of a `ConditionalFlow`."""
    layers = FAMILIES[family](REAL["num_layers"], seed=seed)
    model = tff.models.ConditionalFlow(1, [10], layers, network=network(seed), seed=seed)
    model.adapt(x, y)
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    train(model, x, y, seed)
    return model.evaluate(x_test, y_test, verbose=0, return_dict=True)["nll"]


def run_split(head, split):
    """Trains one head on one split of the diabetes data; a row of the results."""
    keras.utils.set_random_seed(split)
    x, y = load_diabetes(return_X_y=True)
    x, y = x.astype("float32"), y.astype("float32")[:, np.newaxis]
    rows = np.random.default_rng(split).permutation(len(x))
    test, rest = np.split(rows, [len(rows) // 5])
    data = x[rest], y[rest], x[test], y[test]
    if head in MIXTURES:
        nll = mixture_nll(*data, split, MIXTURES[head])
    else:
        nll = flow_nll(*data, split, head)
    return dict(head=head, split=split, nll=float(nll))


def document(found):
    """The tables of the results, as Markdown."""
    lines = [
        f"Excess of -log q(y | x) over the truth, in nats, of {TOY['num_layers']} layers "
        f"after {TOY['epochs']} epochs of {TOY['num_train']:,} points, on "
        f"{TOY['num_test']:,} others; a step is of {TOY['batch_size']} points, a draw of "
        f"{NUM_DRAWN:,}, one for each x:",
        "",
    ]
    headings = ["density", "family", "layers map", "excess", "ms a step", "ms a draw"]
    cells = [
        [
            row["toy"],
            row["family"],
            DIRECTIONS[row["invert"]],
            f"{row['excess']:.4f} ± {row['standard_error']:.4f}",
            *map(_time, (row["milliseconds_per_step"], row["milliseconds_to_sample"])),
        ]
        for row in found["toys"]
    ]
    lines += table_lines(headings, cells, num_left=3)
    nll = {}
    for row in found["regression"]:
        nll.setdefault(row["head"], {})[row["split"]] = row["nll"]
    lines += [
        f"Held-out -log q(y | x) of the diabetes data, in nats, mean over "
        f"{len(nll[NORMAL])} splits, and the difference to the normal head, with its "
        "standard error over the splits:",
        "",
    ]
    table = []
    for head, of_splits in nll.items():
        gains = [value - nll[NORMAL][split] for split, value in of_splits.items()]
        error = statistics.stdev(gains) / len(gains) ** 0.5
        gain = f"{statistics.mean(gains):+.3f} ± {error:.3f}"
        mean = f"{statistics.mean(of_splits.values()):.3f}"
        table.append([head, mean, MISSING if head == NORMAL else gain])
    lines += table_lines(["head", "NLL", "difference"], table)
    return "\n".join(lines)


def _time(milliseconds):
    """A time, or a dash where the machine was too busy for one."""
    return MISSING if milliseconds is None else f"{milliseconds:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="benchmarks/results", help="folder")
    parser.add_argument("--toys", nargs="*", choices=TOYS, default=list(TOYS))
    parser.add_argument("--num-splits", type=int, default=REAL["num_splits"])
    args = parser.parse_args()
    out = files.prepare_folder(args.out)
    found = dict(machine=machine.describe(), date=machine.now(), toys=[], regression=[])
    for toy in args.toys:
        for family in FAMILIES:
            for invert in DIRECTIONS:
                found["toys"].append(run_toy(toy, family, invert))
                print(json.dumps(found["toys"][-1]), flush=True)
    for head in (*MIXTURES, *FAMILIES):
        for split in range(args.num_splits):
            keras.backend.clear_session()
            found["regression"].append(run_split(head, split))
        print(head, [row["nll"] for row in found["regression"][-args.num_splits :]])
    files.write_json(pathlib.Path(out) / "conditional.json", found)
    files.write_text(pathlib.Path(out) / "conditional.md", document(found))


if __name__ == "__main__":
    main()
