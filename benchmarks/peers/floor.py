"""How fast this machine does the operations that a training step consists of, float32.

In two forms, each in the best form it has: `numpy`, one thread, in place on arrays that
stay in the cache; `xla`, loops in one compiled program, whose bodies are long enough
that calls and loop steps do not count. Copies are of 256 MB, far more than any cache.
"""

import numpy as np
import tensorflow as tf

from benchmarks.peers import rates
from tfp_flows import numerics

PACKAGES = ("tensorflow", "numpy")

_SIZE = 8_000  # S K of the smaller benchmark: 32 kB
_LARGE = 64_000_000
_A, _B, _C = 1024, 512, 32  # S D, D K


def numpy_rates(seconds):
    """Billions per second with NumPy."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0.5, 1.5, _SIZE).astype(np.float32)
    y, z = x.copy(), np.empty_like(x)

    def multiply_add():
        np.multiply(x, y, out=z)
        np.add(z, y, out=z)

    functions = {
        "multiply_adds": (multiply_add, _SIZE),
        "tanh": (lambda: np.tanh(x, out=z), _SIZE),
        "exp": (lambda: np.exp(x, out=z), _SIZE),
        "log": (lambda: np.log(x, out=z), _SIZE),
        "normals": (lambda: rng.standard_normal(out=z, dtype=np.float32), _SIZE),
    }
    large, copy = np.ones(_LARGE, np.float32), np.zeros(_LARGE, np.float32)
    functions["copied_bytes"] = (lambda: np.copyto(copy, large), 8 * _LARGE)
    a, b = np.ones((_A, _B), np.float32), np.ones((_B, _C), np.float32)
    out = np.empty((_A, _C), np.float32)
    functions["matmul"] = (lambda: np.matmul(a, b, out=out), _A * _B * _C)
    return measured(functions, seconds)


def xla_rates(seconds):
    """Billions per second with TensorFlow's XLA."""
    functions = {
        "multiply_adds": chained(lambda x: 0.999 * x + 0.001, 32),
        "tanh": chained(tf.tanh, 8),
        "exp": chained(lambda x: tf.exp(-x), 8),
        # log(x + 2) has a fixed point, so that chains of it stay finite.
        "log": chained(lambda x: tf.math.log(x + 2.0), 8),
    }

    functions["normals"] = normals()

    @tf.function(jit_compile=True, autograph=False)
    def copy(x):
        return -x  # a plain copy would be left out

    large = tf.ones([_LARGE])
    functions["copied_bytes"] = (lambda: copy(large)[0].numpy(), 8 * _LARGE)
    a, b = tf.ones([_A, _B]), tf.ones([_B, _C])
    # XLA's own matrix product and TensorFlow's: the faster one.
    matmul = tf.function(tf.matmul, autograph=False)
    compiled = tf.function(tf.matmul, jit_compile=True, autograph=False)
    functions["matmul"] = (lambda: matmul(a, b).numpy(), _A * _B * _C)
    found = measured(functions, seconds)
    functions = {"matmul": (lambda: compiled(a, b).numpy(), _A * _B * _C)}
    found["matmul"] = max(found["matmul"], measured(functions, seconds)["matmul"])
    return found


def chained(function, length, num_loops=500):
    """A program that applies `function` to an array again and again."""

    def body(i, x):
        for _ in range(length):
            x = function(x)
        return i + 1, x

    @tf.function(jit_compile=True, autograph=False)
    def run(x):
        return tf.while_loop(lambda i, _: i < num_loops, body, (tf.constant(0), x))[1]

    x = tf.ones([_SIZE])
    return lambda: run(x).numpy(), length * num_loops * _SIZE


def normals(num_loops=50):
    """A program that draws normals again and again, each with a seed of its own."""

    def body(i, total):
        # TensorFlow's own normals take five to nine times as long under XLA.
        x = numerics.stateless_normal([_SIZE], tf.stack([0, i]), tf.float32)
        return i + 1, total + x

    @tf.function(jit_compile=True, autograph=False)
    def run():
        start = tf.constant(0), tf.zeros([_SIZE])
        return tf.while_loop(lambda i, _: i < num_loops, body, start)[1]

    return lambda: run().numpy(), num_loops * _SIZE


def measured(functions, seconds):
    """Billions of units per second of each function, which runs once to warm up."""
    found = {}
    for name, (run, amount) in functions.items():
        run()
        found[name] = rates.per_second(run, amount, seconds) / 1e9
    return found


def floor(job):
    """The rates of one library."""
    return {"numpy": numpy_rates, "xla": xla_rates}[job["library"]](job["seconds"])


TASKS = {"floor": floor}
