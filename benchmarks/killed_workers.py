"""Workers killed: does a fit of two go on to the same bits?

    python -m benchmarks.killed_workers

Two processes of a `MultiWorkerMirroredStrategy`, over loopback, make one fit with a
checkpoint every 10 steps. Again and again one of them, drawn at random, gets SIGKILL at a
random moment after the fit has gone on; the other must stop with an error, and the same
command must go on from the checkpoint. At its end the fit must have the losses and the
variables of one that was never disturbed, bit for bit.
"""

import argparse
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time

from benchmarks import machine
from benchmarks.interrupted import num_steps_in, wait_for_steps
from tfp_flows import files
from tfp_flows.experiments.tables import table_lines

RESULTS = pathlib.Path(__file__).parent / "results" / "killed_workers.json"
NUM_STEPS, SECONDS = 3_000, 300
# What is counted of the kills of a worker.
CELLS = dict(
    went_on="fit went on",
    stopped="other stopped by an error",
    says_which="that says which is lost",
)
WORKER = f"""
import sys
import tensorflow as tf

strategy = tf.distribute.MultiWorkerMirroredStrategy()  # before all else
import tfp_flows as tff

flow = tff.planar_flow(2, 4, seed=0)
tff.vi.fit_reverse_kl(
    flow,
    tff.targets.get("u1"),
    num_steps={NUM_STEPS},
    sample_size=64,
    num_starts=1,
    seed=0,
    strategy=strategy,
    steps_per_execution=10,
    checkpoint_dir=sys.argv[1],
    checkpoint_steps=10,
    progress_bar=False,
)
tff.distributions.save(flow, sys.argv[1] + "/flow" + sys.argv[2] + ".npz")
"""


def start(folder):
    """Both workers, on ports that nobody listens on."""
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("localhost", 0))
        hosts = [f"localhost:{each.getsockname()[1]}" for each in (one, other)]
    workers = []
    for index in range(2):
        task = dict(type="worker", index=index)
        config = json.dumps(dict(cluster=dict(worker=hosts), task=task))
        workers.append(
            subprocess.Popen(
                [sys.executable, "-c", WORKER, str(folder), str(index)],
                env=os.environ | dict(TF_CONFIG=config),
                stderr=subprocess.PIPE,
            )
        )
    return workers


def finish(workers):
    """Waits for both; returns what they wrote to stderr."""
    try:
        return [worker.communicate(timeout=SECONDS)[1].decode() for worker in workers]
    finally:
        for worker in workers:
            worker.kill()


def kill_one(folder, rng):
    """A row: which worker was killed, where the fit was, and what the other did."""
    path = folder / "fit.npz"
    before = num_steps_in(path)
    workers = start(folder)
    wait_for_steps(workers[0], path, before)
    time.sleep(rng.uniform(0.0, 1.0))
    killed = rng.randrange(2)
    workers[killed].kill()
    began = time.perf_counter()
    error = finish(workers)[1 - killed]
    return dict(
        killed=killed,
        step=num_steps_in(path),
        went_on=num_steps_in(path) > before,
        stopped=workers[1 - killed].returncode not in (0, -9),
        says_which=f"another worker (worker {killed})" in error,
        seconds_to_stop=time.perf_counter() - began,
        last_line=error.strip().splitlines()[-1],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        killed, whole = (pathlib.Path(folder) / name for name in ("killed", "whole"))
        rows = []
        for each in (killed, whole):
            each.mkdir()
        for _ in range(args.kills):
            rows.append(kill_one(killed, rng))
            print(rows[-1], flush=True)
        for each in (killed, whole):
            finish(start(each))
        same = all(
            same_arrays(killed / name, whole / name, keys)
            for name, keys in (
                ("fit.npz", ["loss"]),
                *((f"flow{index}.npz", "uwb") for index in range(2)),
            )
        )
    found = dict(kills=rows, same_bits=same, num_steps=NUM_STEPS)
    files.write_json(
        args.out, dict(date=machine.now(), machine=machine.describe(), **found)
    )
    files.write_text(args.out.with_suffix(".md"), document(rows, same))


def same_arrays(path, other, keys):
    one, two = (files.read_arrays(each) for each in (path, other))
    return all(one[key].tobytes() == two[key].tobytes() for key in keys)


def document(rows, same):
    """A line for each worker that was killed."""
    cells = []
    for index in range(2):
        those = [row for row in rows if row["killed"] == index]
        sums = [sum(row[key] for row in those) for key in CELLS]
        cells.append([f"worker {index}", str(len(those)), *map(str, sums)])
    bits = "the same bits as" if same else "other bits than"
    text = f"{NUM_STEPS:,} steps with {len(rows)} kills: {bits} those of a fit without."
    lines = table_lines(["killed", "times", *CELLS.values()], cells)
    return "\n".join([text, "", *lines, ""])


if __name__ == "__main__":
    main()
