"""Fits to targets that factorize a matrix for each point, with XLA and without.

    python -m benchmarks.factorizations

The target is the posterior of a Gaussian process, of amplitude and length scale, at N
places: a Cholesky factor of N x N numbers for each sample. Step and compile times of
`fit_reverse_kl` with its defaults but for the number of steps; from which N on
`jit_compile=None` leaves XLA out was chosen by these. Writes factorizations.json and
factorizations.md.
"""

import sys

import tensorflow as tf

import tfp_flows as tff
from benchmarks import one_table
from benchmarks.markdown import number
from tfp_flows.experiments.tables import table_lines

SIZES = (2, 3, 4, 6, 8, 11, 16)
NUM_LAYERS, NUM_STEPS = 16, 200


def gaussian_process(size):
    """A log density of points `[S, 2]`, log amplitude and log length scale."""
    places = tf.range(float(size))
    squares = tf.square(places[:, tf.newaxis] - places)
    observed = tf.sin(places)[:, tf.newaxis]

    def log_prob(x):
        log_scale, log_length = x[:, 0, None, None], x[:, 1, None, None]
        kernel = tf.exp(log_scale - squares * tf.exp(-2.0 * log_length))
        factor = tf.linalg.cholesky(kernel + 0.1 * tf.eye(size))
        many = tf.broadcast_to(observed, [tf.shape(x)[0], size, 1])
        residual = tf.linalg.triangular_solve(factor, many)
        log_det = tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factor)), axis=-1)
        squares_of = tf.reduce_sum(residual**2, axis=[-2, -1])
        return -0.5 * (squares_of + tf.reduce_sum(x**2, axis=-1)) - log_det

    return log_prob


def fit(size, jit_compile):
    """Milliseconds per step, and seconds to trace and compile."""
    result = tff.vi.fit_reverse_kl(
        tff.planar_flow(2, NUM_LAYERS, seed=0),
        gaussian_process(size),
        num_steps=NUM_STEPS,
        seed=0,
        jit_compile=jit_compile,
        progress_bar=False,
    )
    return dict(
        milliseconds=1e3 * result.train_seconds / NUM_STEPS,
        compile_seconds=result.compile_seconds,
    )


def document(found):
    """The table in Markdown."""
    lines = ["# Factorizations", ""]
    lines += [f"Of a matrix for each sample, {NUM_LAYERS} planar layers.", ""]
    headings = ["rows", "XLA: ms per step", "compile, s", "without: ms per step"]
    rows = [
        [
            str(row["size"]),
            number(row["xla"]["milliseconds"]),
            number(row["xla"]["compile_seconds"], 2),
            number(row["plain"]["milliseconds"]),
            number(row["plain"]["compile_seconds"], 2),
        ]
        for row in found["rows"]
    ]
    return "\n".join([*lines, *table_lines([*headings, "trace, s"], rows), ""])


def measure():
    """Fits at each size, with XLA and without."""
    rows = []
    for size in SIZES:
        rows.append(dict(size=size, xla=fit(size, True), plain=fit(size, False)))
        print(rows[-1], flush=True)
    return dict(rows=rows)


def main(argv=None):
    """The command."""
    one_table.run(argv, __doc__, "factorizations", measure, document)


if __name__ == "__main__":
    sys.exit(main())
