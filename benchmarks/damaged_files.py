"""Reads thousands of damaged and malicious files, and counts what comes of it.

    python -m benchmarks.damaged_files --files 2400

Saved flows, checkpoints of a fit and images for `tfp-flows vae` are damaged in ten ways
(`benchmarks/fuzz/damage.py`) and read as users read them. A file is

- refused, if the error is an `InvalidFileError`, or of a checkpoint a `ValueError`, that
  names the file and does not advise to unpickle it;
- the same, if every number read is that of the undamaged file;
- another, if its checksums are right, and all numbers that it gives are finite;
- unclear, if the error is of any other class or does not name the file;
- silent, if the numbers are wrong ones, though nobody meant them.

None may be unclear or silent, be changed when it is refused, take more than 100 MB or, to
refuse it, more than 2 s of the processor's time.
"""

import argparse
import collections
import hashlib
import pathlib
import random
import re
import tempfile
import time
import warnings

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfp_flows as tff
from benchmarks import machine
from benchmarks.fuzz.damage import BY_ACCIDENT, damage
from tfp_flows import files
from tfp_flows.experiments.images import load_images
from tfp_flows.experiments.tables import table_lines

RESULTS = pathlib.Path(__file__).parent / "results" / "damaged_files.json"
MAX_SECONDS, MAX_MEGABYTES = 2.0, 100.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2_400, help="in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (write, read) in READERS.items():
            path = pathlib.Path(folder) / name.replace(" ", "-") / "fit.npz"
            path.parent.mkdir()
            num_files = args.files // len(READERS)
            rows.append(dict(file=name, **study(path, write, read, num_files, args.seed)))
            print(rows[-1], flush=True)
    results = dict(
        date=machine.now(), machine=machine.describe(), seed=args.seed, rows=rows
    )
    files.write_json(args.out, results)
    files.write_text(args.out.with_suffix(".md"), "\n".join(markdown(rows)))
    print("\n".join(markdown(rows)))


def study(path, write, read, num_files, seed):
    """Counts of outcomes, and the most time and memory that one of them took."""
    write(path)
    content = path.read_bytes()
    expected, rng = read(path), random.Random(seed)
    counts, examples = collections.Counter(), []
    most = dict(seconds=0.0, megabytes=0.0)
    for _ in range(num_files):
        kind, damaged = damage(content, rng)
        path.write_bytes(damaged)
        found, seconds, megabytes, why = judge(path, read, expected)
        if found == "another" and kind in BY_ACCIDENT:
            found = "silent"
        if found == "refused" and path.read_bytes() != damaged:
            found = "changed"
        if megabytes > MAX_MEGABYTES or (found == "refused" and seconds > MAX_SECONDS):
            found = "expensive"
        counts[found] += 1
        most["megabytes"] = max(most["megabytes"], megabytes)
        if found == "refused":
            most["seconds"] = max(most["seconds"], seconds)
        if found not in ("refused", "same", "another"):
            examples.append(f"{kind}: {found}: {why}"[:300])
    most = {f"most_{name}": round(value, 2) for name, value in most.items()}
    return dict(files=num_files, **most, counts=dict(counts), examples=examples)


def judge(path, read, expected):
    """Outcome of one file, seconds of the processor, megabytes, and the error if any."""
    before = reset_peak_memory()
    started, why = time.process_time(), ""
    try:
        found = "same" if read(path) == expected else "another"
    except files.InvalidFileError as error:
        found, why = "refused", str(error)
    except Exception as error:
        is_foreign = re.search("pass the arguments of that fit", str(error))
        found, why = "refused" if is_foreign else "unclear", repr(error)
    seconds = time.process_time() - started
    if found == "refused" and (str(path) not in why or "pickle" in why):
        found = "unclear"
    return found, seconds, (peak_memory() - before) / 1e6, why


def reset_peak_memory():
    """Makes the peak what is in use now; returns it in bytes."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    return peak_memory()


def peak_memory():
    """Most bytes that were in use since the last reset."""
    status = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status)[1])


def digest(arrays):
    """A hash of arrays, which must be finite."""
    found = hashlib.sha256()
    for array in arrays:
        array = np.asarray(array)
        if not np.all(np.isfinite(array)):
            raise AssertionError("not finite")
        found.update(repr((array.shape, array.dtype)).encode() + array.tobytes())
    return found.hexdigest()


def write_flow(path):
    tff.distributions.save(tff.planar_flow(3, 4, seed=0), path)


def write_flow_with_parts(path):
    base = tfd.MultivariateNormalDiag(tf.Variable([1.0, 0.0]), [1.0, 2.0])
    flow = tff.sylvester_flow(2, 3, seed=0, fused=False, affine=True, base=base)
    bijector = tfb.Chain([tfb.Shift([1.0, 2.0]), tfb.Invert(flow.bijector)])
    tff.distributions.save(tfd.TransformedDistribution(base, bijector), path)


def read_flow(path):
    flow = tff.distributions.load(path)
    x = flow.distribution.sample(2, seed=(0, 1))
    values = [flow.bijector.forward(x), flow.bijector.forward_log_det_jacobian(x, 1)]
    return digest([*flow.variables, *values])


def read_fit(path):
    """Goes on from the end of a fit."""
    flow = tff.planar_flow(2, 2, seed=0)
    result = tff.vi.fit_reverse_kl(
        flow,
        tff.targets.get("u1"),
        num_steps=12,
        sample_size=8,
        num_starts=2,
        early_stopping=True,
        seed=0,
        jit_compile=False,
        checkpoint_dir=path.parent,
        progress_bar=False,
    )
    return digest([*flow.trainable_variables, result.loss, result.num_rollbacks])


def write_images(path):
    images = np.random.default_rng(0).integers(0, 255, (30, 8, 8), np.uint8)
    np.savez_compressed(path, x_train=images, x_test=images[:9], y_test=np.arange(9))


def read_images(path):
    return digest(a for a in load_images(path).values() if a is not None)


READERS = {
    "saved flow": (write_flow, read_flow),
    "saved flow with its base and more": (write_flow_with_parts, read_flow),
    "checkpoint": (read_fit, read_fit),
    "images": (write_images, read_images),
}


def markdown(rows):
    """A table, and what is not as it should be."""
    outcomes = ("refused", "same", "another", "unclear", "silent", "changed", "expensive")
    headings = ["file", "files", *outcomes, "most s to refuse", "most MB"]
    cells = [
        [
            row["file"],
            f"{row['files']:,}",
            *(f"{row['counts'].get(outcome, 0):,}" for outcome in outcomes),
            f"{row['most_seconds']:.2f}",
            f"{row['most_megabytes']:.0f}",
        ]
        for row in rows
    ]
    examples = [f"- {example}" for row in rows for example in row["examples"]]
    return ["# Damaged files", "", *table_lines(headings, cells), "", *examples]


if __name__ == "__main__":
    main()
