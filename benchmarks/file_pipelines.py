"""Data in files: do fits from a pipeline of them keep to constant memory?

    python -m benchmarks.file_pipelines

Writes points of N(0, 1) of 20 dimensions to files, 100,000 of them and ten times as many,
and fits one pass over them, by batches of 1,000, in a process each, whose peak memory is
measured: by `fit_maximum_likelihood` from every format and from an array, by
`FlowModel.fit` and by a posterior of rows from TFRecords. Parquet needs pyarrow.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np
import tensorflow as tf

import tfp_flows as tff
from benchmarks import machine
from tfp_flows import files
from tfp_flows.experiments.tables import table_lines

RESULTS = pathlib.Path(__file__).parent / "results" / "file_pipelines.json"
EVENT_SIZE, BATCH_SIZE, ROWS_PER_FILE = 20, 1_000, 50_000
NUM_ROWS = (100_000, 1_000_000)
NAMES = [f"x{i}" for i in range(EVENT_SIZE)]
SPEC = dict(x=tf.io.FixedLenFeature([EVENT_SIZE], tf.float32))
CASES = (
    ("likelihood", "array"),
    ("likelihood", "npz"),
    ("likelihood", "csv"),
    ("likelihood", "tfrecord"),
    ("likelihood", "parquet"),
    ("keras", "tfrecord"),
    ("posterior", "tfrecord"),
)
LABELS = dict(
    likelihood="`fit_maximum_likelihood`",
    keras="`FlowModel.fit`",
    posterior="`fit_reverse_kl`, `RowwisePosterior`",
)


def write_npz(path, x):
    np.savez(path, x=x)


def write_csv(path, x):
    np.savetxt(path, x, fmt="%.5g", delimiter=",", header=",".join(NAMES), comments="")


def write_tfrecord(path, x):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in x:
            values = tf.train.Feature(float_list=tf.train.FloatList(value=row))
            features = tf.train.Features(feature=dict(x=values))
            writer.write(tf.train.Example(features=features).SerializeToString())


def write_parquet(path, x):
    import pyarrow.parquet

    table = pyarrow.table(dict(zip(NAMES, x.T, strict=True)))
    pyarrow.parquet.write_table(table, path)


WRITERS = dict(
    npz=write_npz, csv=write_csv, tfrecord=write_tfrecord, parquet=write_parquet
)


def npz_parts(paths):
    for path in paths:
        with np.load(path) as file:
            yield file["x"]


def parquet_parts(paths):
    import pyarrow.parquet

    for path in paths:
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(10_000):
            yield np.stack([batch.column(name) for name in NAMES], axis=1)


def read(kind, folder):
    """The dataset of all files of a format, or an array of them."""
    paths = sorted(map(str, folder.glob("*.npz" if kind == "array" else f"*.{kind}")))
    if kind == "array":
        return np.concatenate(list(npz_parts(paths)))
    if kind == "csv":
        lines = tf.data.Dataset.from_tensor_slices(paths).interleave(
            lambda path: tf.data.TextLineDataset(path).skip(1), cycle_length=1
        )
        data = lines.batch(BATCH_SIZE).map(
            lambda batch: tf.stack(tf.io.decode_csv(batch, [0.0] * EVENT_SIZE), axis=1)
        )
    elif kind == "tfrecord":
        data = tf.data.TFRecordDataset(paths).batch(BATCH_SIZE)
        data = data.map(lambda batch: tf.io.parse_example(batch, SPEC)["x"])
    else:
        parts = dict(npz=npz_parts, parquet=parquet_parts)[kind]
        data = tf.data.Dataset.from_generator(
            lambda: parts(paths), output_signature=tf.TensorSpec([None, EVENT_SIZE])
        ).rebatch(BATCH_SIZE)
    return data.prefetch(tf.data.AUTOTUNE)


def fit(kind, data, num_rows):
    num_steps = num_rows // BATCH_SIZE
    flow = tff.planar_flow(EVENT_SIZE, 4, affine=kind == "posterior", seed=0)
    settings = dict(num_steps=num_steps, jit_compile=False, seed=1, progress_bar=False)
    if kind == "likelihood":
        if isinstance(data, np.ndarray):
            settings |= dict(batch_size=BATCH_SIZE, validation_split=0.0)
        return tff.vi.fit_maximum_likelihood(flow, data, **settings)
    if kind == "keras":
        model = tff.models.FlowModel(EVENT_SIZE, tff.layers.SharedPlanar(4, seed=0))
        model.compile("adam", jit_compile=False)
        return model.fit(data, epochs=1, verbose=0)

    def log_likelihood(z, x):
        return -0.5 * tf.reduce_sum((z[:, tf.newaxis] - x) ** 2, axis=-1)

    posterior = tff.density.RowwisePosterior(
        lambda z: -0.5 * tf.reduce_sum(z**2, axis=-1), log_likelihood, data, EVENT_SIZE
    )
    settings |= dict(batch_size=BATCH_SIZE, sample_size=64, num_starts=1)
    return tff.vi.fit_reverse_kl(flow, posterior, **settings)


def measure(case, kind, folder, num_rows):
    """Fits, and prints seconds and the peak memory of this process as JSON."""
    started = time.perf_counter()
    fit(case, read(kind, folder), num_rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps(dict(seconds=time.perf_counter() - started, megabytes=peak)))


def write(kind, folder, num_rows):
    """Files of a format; an array's are those of NumPy."""
    kind = "npz" if kind == "array" else kind
    for index in range(num_rows // ROWS_PER_FILE):
        x = np.random.default_rng(index).standard_normal([ROWS_PER_FILE, EVENT_SIZE])
        WRITERS[kind](folder / f"{index:03}.{kind}", x.astype(np.float32))


def compare():
    rows = []
    for kind in dict.fromkeys(kind for _, kind in CASES):
        for num_rows in NUM_ROWS:
            with tempfile.TemporaryDirectory() as folder:
                write(kind, pathlib.Path(folder), num_rows)
                for case, wanted in CASES:
                    if wanted != kind:
                        continue
                    child = [case, kind, folder, str(num_rows)]
                    command = [sys.executable, "-m", __spec__.name, "--child", *child]
                    run = subprocess.run(command, stdout=subprocess.PIPE, check=True)
                    found = json.loads(run.stdout.splitlines()[-1])
                    rows.append(dict(fit=case, files=kind, num_rows=num_rows, **found))
                    print(rows[-1], flush=True)
    return rows


def document(rows):
    """A line for each fit and format, with both numbers of rows."""
    few, many = NUM_ROWS
    cells = []
    for case, kind in CASES:
        found = {
            row["num_rows"]: row
            for row in rows
            if (row["fit"], row["files"]) == (case, kind)
        }
        memory = [f"{found[n]['megabytes']:,.0f} MB" for n in NUM_ROWS]
        cells.append([LABELS[case], kind, *memory, f"{found[many]['seconds']:.0f} s"])
    headings = ["fit", "files", f"peak, {few:,} rows", f"{many:,} rows", "time"]
    size = many * EVENT_SIZE * 4 / 1e6
    text = (
        f"Points of {EVENT_SIZE} numbers, {size:.0f} MB of float32 in {many:,} of them; "
        f"one pass by batches of {BATCH_SIZE:,}; peak memory of the process, with what "
        "TensorFlow takes:"
    )
    return "\n".join([text, "", *table_lines(headings, cells), ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        case, kind, folder, num_rows = args.child
        measure(case, kind, pathlib.Path(folder), int(num_rows))
        return
    rows = compare()
    found = dict(date=machine.now(), machine=machine.describe(), rows=rows)
    files.write_json(args.out, found)
    files.write_text(args.out.with_suffix(".md"), document(rows))


if __name__ == "__main__":
    main()
