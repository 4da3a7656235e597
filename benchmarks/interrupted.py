"""Kills, signals, threads and processes against one folder: what is lost?

    python -m benchmarks.interrupted

- *writers killed*: a process that does nothing but replace one file is killed at a random
  moment; the file must be one that it wrote, and no older than the last it announced.
- *fits killed*: a fit with a checkpoint every few steps is; it must go on from there, and
  have the numbers of a fit that was never disturbed at its end.
- *fits terminated*: `tfp-flows fit` gets SIGTERM; its status must be 143, and the same
  command must go on from where it was, to the end.
- *threads*, *processes*: of fits with one checkpoint folder, begun together, and of
  `tfp-flows fit` with one `--out`, some must end well, and all others say who is there.
"""

import argparse
import collections
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

import keras
import numpy as np

import tfp_flows as tff
from benchmarks import machine
from tfp_flows import files
from tfp_flows.experiments.tables import table_lines

RESULTS = pathlib.Path(__file__).parent / "results" / "interrupted.json"
WRITER = """
import sys
import numpy as np
from tfp_flows import files

FORMAT = files.Format("interrupted", (1,), is_not="no file of it", advice="look")
for k in range(10**9):
    FORMAT.write(sys.argv[1], dict(version=1), dict(a=np.full(10**6, float(k))))
    print(k, flush=True)
"""
FIT = """
import sys
from benchmarks import interrupted

interrupted.fit(sys.argv[1])
"""
NUM_STEPS = 2_000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--writers-killed", type=int, default=100)
    parser.add_argument("--fits-killed", type=int, default=8)
    parser.add_argument("--fits-terminated", type=int, default=4)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    args = parser.parse_args()
    rng, rows = random.Random(args.seed), []
    for study in (writers_killed, fits_killed, fits_terminated, threads, processes):
        with tempfile.TemporaryDirectory() as folder:
            number = getattr(args, study.__name__)
            found = study(pathlib.Path(folder), number, rng)
        rows.append(dict(what=study.__name__.replace("_", " "), number=number, **found))
        print(rows[-1], flush=True)
    files.write_json(
        args.out,
        dict(date=machine.now(), machine=machine.describe(), seed=args.seed, rows=rows),
    )
    headings = ["what", "number", "lost", "unclear", "exit status"]
    cells = [[str(row.get(key, "")) for key in headings] for row in rows]
    lines = table_lines(headings, cells)
    files.write_text(
        args.out.with_suffix(".md"), "\n".join(["# Interrupted", "", *lines, ""])
    )
    print("\n".join(lines))


def writers_killed(folder, number, rng):
    path, lost = folder / "a.npz", 0
    file = files.Format("interrupted", (1,), is_not="no file of it", advice="look")
    for _ in range(number):
        process = start(WRITER, path, stdout=subprocess.PIPE)
        for _ in range(2):
            process.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.1))
        process.kill()
        announced = [int(k) for k in process.communicate()[0].split()]
        values = file.read(path)[1]["a"]
        is_whole = values.shape == (10**6,) and np.all(values == values[0])
        lost += not is_whole or bool(announced and values[0] < announced[-1])
    num_parts = len(list(folder.iterdir())) - 1
    files.remove_parts(path)
    return dict(lost=int(lost), unclear=0, parts_left_and_removed=num_parts)


def fit(folder):
    """A fit that writes a checkpoint every 10 steps, and its flow."""
    flow = tff.planar_flow(2, 4, seed=0)
    tff.vi.fit_reverse_kl(
        flow,
        tff.targets.get("u1"),
        num_steps=NUM_STEPS,
        sample_size=64,
        seed=0,
        optimizer=keras.optimizers.Adam(1e-2),
        jit_compile=False,
        steps_per_execution=10,
        checkpoint_dir=folder,
        checkpoint_steps=10,
        progress_bar=False,
    )
    tff.distributions.save(flow, pathlib.Path(folder) / "flow.npz")


def num_steps_in(path):
    return len(files.read_arrays(path)["loss"]) if path.exists() else 0


def wait_for_steps(process, path, step):
    """Waits until a checkpoint has more steps than `step`."""
    while num_steps_in(path) <= step and process.poll() is None:
        time.sleep(0.01)


def fits_killed(folder, number, rng):
    path, lost, unclear = folder / "fit.npz", 0, 0
    for _ in range(number):
        before = num_steps_in(path)
        process = start(FIT, folder, stderr=subprocess.PIPE)
        wait_for_steps(process, path, before)
        time.sleep(rng.uniform(0.0, 0.05))
        process.kill()
        unclear += b"Error" in process.communicate()[1]
        lost += num_steps_in(path) <= before
    interrupted_at = num_steps_in(path)
    (folder / "undisturbed").mkdir()
    for each in (folder, folder / "undisturbed"):
        unclear += start(FIT, each).wait() != 0
    flows = [
        files.read_arrays(each / "flow.npz") for each in (folder, folder / "undisturbed")
    ]
    lost += any(not np.array_equal(flows[0][name], flows[1][name]) for name in "uwb")
    return dict(lost=int(lost), unclear=int(unclear), interrupted_at=interrupted_at)


def command(folder, num_steps=NUM_STEPS):
    """A `tfp-flows fit` with a checkpoint, as a process."""
    call = ["fit", "u1", "--num-layers", "4", "--num-steps", str(num_steps)]
    call += ["--no-jit-compile", "--sample-size", "64", "--out", str(folder / "out")]
    call += ["--checkpoint", str(folder / "checkpoint")]
    return subprocess.Popen(
        [sys.executable, "-m", "tfp_flows", *call],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def fits_terminated(folder, number, rng):
    path, lost, unclear = folder / "checkpoint" / "fit.npz", 0, 0
    statuses = collections.Counter()
    for _ in range(number):
        before = num_steps_in(path)
        process = command(folder, 10 * NUM_STEPS)
        shown = b""
        while b"=" not in shown and process.poll() is None:  # the bar, with its numbers
            shown += process.stderr.read1()
        time.sleep(rng.uniform(0.0, 1.0))
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate()
        statuses[process.returncode] += 1
        unclear += process.returncode not in (0, 143) or b"Traceback" in errors
        lost += process.returncode == 143 and num_steps_in(path) <= before
    interrupted_at = num_steps_in(path)
    if not (folder / "out" / "flow.npz").exists():
        process = command(folder, 10 * NUM_STEPS)
        process.communicate()
        unclear += process.returncode != 0
    lost += num_steps_in(path) != 10 * NUM_STEPS
    found = {"exit status": ", ".join(f"{n} x {s}" for s, n in statuses.items())}
    return dict(lost=int(lost), unclear=unclear, interrupted_at=interrupted_at, **found)


def threads(folder, number, rng):
    del rng
    results = []

    def run():
        try:
            results.append(fit(folder))
        except OSError as error:
            results.append(str(error))

    running = [threading.Thread(target=run) for _ in range(number)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return count(results, number, num_steps_in(folder / "fit.npz"))


def processes(folder, number, rng):
    del rng
    running = [command(folder) for _ in range(number)]
    outputs = [process.communicate() for process in running]
    results = [
        errors.decode() if process.returncode == 2 else process.returncode or None
        for process, (_, errors) in zip(running, outputs, strict=True)
    ]
    # Who comes when the first has ended finds its flow.
    known = ["already" if "exists already" in str(r) else r for r in results]
    return count(known, number, num_steps_in(folder / "checkpoint" / "fit.npz"))


def count(results, number, num_steps):
    """`None` is a fit that ended well, text an error."""
    refused = sum("already" in str(result) for result in results)
    ended = sum(result is None for result in results)
    lost = int(ended == 0 or num_steps != NUM_STEPS)
    return dict(lost=lost, unclear=number - refused - ended, ended=ended, refused=refused)


def start(code, folder, **pipes):
    return subprocess.Popen([sys.executable, "-c", code, str(folder)], **pipes)


if __name__ == "__main__":
    main()
