"""What the strategies of `tf.distribute` cost a step, and what two replicas gain.

    python -m benchmarks.replicas

Fits of a planar flow to a target that takes some milliseconds a step, without a
strategy, under one of one replica, and under two logical CPUs, each in a process of its
own, in turn; an operation of TensorFlow has one thread, or as many as there are cores.
Without XLA, which several replicas do without, but for one row. Writes replicas.json, and
replicas.md, its table.
"""

import argparse
import json
import pathlib
import statistics
import sys

from benchmarks import jobs, machine, one_table
from benchmarks.markdown import number
from tfp_flows import files
from tfp_flows.experiments.tables import table_lines

RESULTS = pathlib.Path(__file__).parent / "results"
# Replicas (0: no strategy), threads of an operation (0: all), and XLA.
CASES = {
    "no strategy": (0, 0, False),
    "no strategy, XLA": (0, 0, True),
    "one replica": (1, 0, False),
    "two replicas on two cores": (2, 0, False),
    "no strategy, one thread": (0, 1, False),
    "two replicas, one thread each": (2, 1, False),
}
NUM_STEPS, NUM_REPEATS = 600, 3
SIZE, WIDTH, NUM_LAYERS, SAMPLE_SIZE = 4, 256, 6, 256


def fit(num_replicas, num_threads, jit_compile):
    """Milliseconds per step, and the loss at the end, of a fit in this process."""
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * max(1, num_replicas)
    )
    tf.config.threading.set_intra_op_parallelism_threads(num_threads)

    import tfp_flows as tff

    matrices = [
        tf.random.stateless_normal([WIDTH, WIDTH], [0, i]) / WIDTH**0.5
        for i in range(NUM_LAYERS)
    ]

    def target(x):
        hidden = tf.tile(x, [1, WIDTH // SIZE])
        for matrix in matrices:
            hidden = tf.tanh(hidden @ matrix)
        return -0.5 * tf.reduce_sum(x**2, axis=-1) + tf.reduce_mean(hidden, axis=-1)

    strategy = None
    if num_replicas:
        strategy = tf.distribute.MirroredStrategy(
            [f"CPU:{index}" for index in range(num_replicas)]
        )
    result = tff.vi.fit_reverse_kl(
        tff.planar_flow(SIZE, 8, seed=0),
        target,
        num_steps=NUM_STEPS,
        num_starts=1,
        sample_size=SAMPLE_SIZE,
        strategy=strategy,
        jit_compile=jit_compile,
        seed=1,
        progress_bar=False,
    )
    return dict(
        milliseconds=1e3 * result.train_seconds / NUM_STEPS,
        loss=float(result.loss[-50:].mean()),
    )


def measure(case):
    """What a process of its own says of a case."""
    worker = [sys.executable, "-m", "benchmarks.replicas", "--worker", case]
    answer = jobs.run_worker(worker)
    if "error" in answer:
        raise RuntimeError(f"{case}: {answer['error']}")
    return answer


def document(found):
    """The table in Markdown."""
    medians = {
        case: statistics.median(run["milliseconds"] for run in runs)
        for case, runs in found["cases"].items()
    }
    rows = []
    for case, runs in found["cases"].items():
        alone = "no strategy, one thread" if "one thread" in case else "no strategy"
        ratio = medians[case] / medians[alone]
        loss = statistics.median(run["loss"] for run in runs)
        rows.append([case, number(medians[case]), f"{number(ratio)}x", f"{loss:.3f}"])
    headings = ["", "ms per step", "of that without", "loss at the end"]
    lines = [
        f"Planar flow, K = 8, D = {SIZE}, S = {SAMPLE_SIZE}; medians of "
        f"{NUM_REPEATS} processes in turn, on {found['machine']['cores']} cores.",
        "",
        *table_lines(headings, rows),
    ]
    return "\n".join(lines)


def main(argv=None):
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    parser.add_argument("--worker", choices=CASES, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.worker is not None:
        print(json.dumps(fit(*CASES[args.worker])))
        return
    out = files.prepare_folder(args.out, "--out")
    cases = {case: [] for case in CASES}
    for _ in range(NUM_REPEATS):
        for case, runs in cases.items():
            runs.append(measure(case))
            print(case, runs[-1], flush=True)
    found = dict(machine=machine.describe(), cases=cases)
    one_table.store(out, "replicas", found, document)


if __name__ == "__main__":
    sys.exit(main())
