"""Times the training step of a VAE with each flow beside the one without.

    python -m benchmarks.vae_step --out benchmarks/results/vae_step.json

The models take turns, a run of some steps each, so that other work on the machine hits
all alike; the figures are medians over the runs, of wall time and of the processor time
of all threads, and ratios of these to "no flow". On a busy machine, the second is the one
to trust, with --threads 1.
"""

import argparse
import statistics
import time

import keras
import numpy as np
import tensorflow as tf

from benchmarks import machine
from benchmarks.vae_table import FLOWS
from tfp_flows import files
from tfp_flows.experiments import vae
from tfp_flows.experiments.configs import VaeConfig
from tfp_flows.experiments.tables import table_lines

BATCH_SIZE = 128
IMAGE_SHAPE = (28, 28)


def build_step(name, jit_compile):
    """A callable that takes one training step, of the model that Keras would train."""
    config = VaeConfig(binarization="fixed", **FLOWS[name])
    model = vae.build(config, IMAGE_SHAPE)
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=jit_compile)
    images = np.random.default_rng(0).uniform(size=(BATCH_SIZE, *IMAGE_SHAPE))
    batches = tf.data.Dataset.from_tensors(tf.constant(images, tf.float32)).repeat()
    model.make_train_function()
    iterator = iter(batches)
    return lambda: model.train_function(iterator)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flows", nargs="+", choices=FLOWS, default=list(FLOWS))
    parser.add_argument("--num-runs", type=int, default=31)
    parser.add_argument("--num-steps", type=int, default=20, help="per run")
    parser.add_argument("--jit-compile", action="store_true")
    parser.add_argument("--threads", type=int, default=None, help="of TensorFlow")
    parser.add_argument("--out", default=None, help="also write a JSON file")
    args = parser.parse_args()
    if args.threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(args.threads)
        tf.config.threading.set_inter_op_parallelism_threads(args.threads)

    names = [name for name in FLOWS if name == "no flow" or name in args.flows]
    steps = {name: build_step(name, args.jit_compile) for name in names}
    for step in steps.values():
        step()
    clocks = dict(wall=time.perf_counter, cpu=time.process_time)
    runs = {name: {clock: [] for clock in clocks} for name in steps}
    for _ in range(args.num_runs):
        for name, step in steps.items():
            started = {clock: read() for clock, read in clocks.items()}
            for _ in range(args.num_steps):
                step()
            for clock, read in clocks.items():
                seconds = (read() - started[clock]) / args.num_steps
                runs[name][clock].append(1e3 * seconds)

    results = {
        name: {clock: statistics.median(values) for clock, values in run.items()}
        for name, run in runs.items()
    }
    base = results["no flow"]
    rows = []
    for name, result in results.items():
        result["ratios"] = {clock: result[clock] / base[clock] for clock in clocks}
        cells = [
            text
            for clock in clocks
            for text in (f"{result[clock]:.2f}", f"{result['ratios'][clock]:.2f}")
        ]
        rows.append([name, *cells])
    headings = ["posterior", "ms per step", "times no flow", "ms of CPU", "times no flow"]
    print("\n".join(table_lines(headings, rows)))
    if args.out is not None:
        files.write_json(
            args.out,
            dict(
                machine=machine.describe(),
                date=machine.now(),
                settings=vars(args),
                milliseconds=results,
            ),
        )


if __name__ == "__main__":
    main()
