"""What XLA compiles or runs slowly: chains of arithmetic, factorizations."""

import pytest
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.density import as_density, density
from tfp_flows.density.xla_cost import arithmetic_depth, largest_factorization

POINTS = tf.zeros([7, 3])


def recursion(x, steps):
    state = x[:, 0]
    for _ in range(steps):
        state = tf.concat([0.5 * state[:1] + 1.0, tf.tanh(state[1:])], axis=0)
    return state


def with_scan(x):
    return tf.scan(lambda state, _: 0.5 * state + 1.0, tf.range(90), x[:, 0])[-1]


@pytest.mark.parametrize(
    ("function", "depth"),
    [
        (lambda x: tf.reduce_sum(tf.square(x - 1.0), -1), 2),
        (lambda x: recursion(x, 7), 14),
        (lambda x: tf.function(recursion)(tf.exp(x), 7), 15),
        (lambda x: tf.reduce_sum(x @ tf.exp(x[:1, :3] + tf.zeros([3, 3])), -1), 2),
    ],
)
def test_the_longest_chain(function, depth):
    graph_fn = tf.function(function, autograph=False).get_concrete_function(POINTS)
    assert arithmetic_depth(graph_fn) == depth


def gaussian_process(size, factorize=tf.linalg.cholesky):
    """Of a length scale for each point: a matrix for each."""
    squares = tf.square(tf.range(float(size))[:, None] - tf.range(float(size)))

    def log_prob(x):
        kernels = tf.exp(-squares * tf.exp(x[:, :1, None])) + tf.eye(size)
        return tf.reduce_sum(factorize(kernels), axis=[-2, -1])

    return log_prob


def of_constant_matrices(x):
    kernels = tf.eye(9, batch_shape=[3]) + tf.zeros([3, 9, 9])
    return tf.reduce_sum(x, -1) + tf.reduce_sum(tf.linalg.cholesky(kernels))


def mapped(x):
    return tf.vectorized_map(lambda point: gaussian_process(5)(point[tf.newaxis])[0], x)


@pytest.mark.parametrize(
    ("function", "size"),
    [
        (gaussian_process(5), 5),
        (lambda x: tf.function(gaussian_process(5))(x), 5),
        (mapped, 5),
        (gaussian_process(6, tf.linalg.inv), 6),
        (gaussian_process(6, lambda k: tf.linalg.solve(k, k[..., :2])), 6),
        (gaussian_process(6, lambda k: tf.linalg.eigh(k)[1]), 6),
        (gaussian_process(6, lambda k: tf.linalg.eigvalsh(k)[..., tf.newaxis]), 6),
        (gaussian_process(6, lambda k: tf.linalg.svd(k)[1]), 6),
        (gaussian_process(6, lambda k: tf.linalg.qr(k)[0]), 6),
        (gaussian_process(6, lambda k: tf.linalg.slogdet(k)[1][:, None, None]), 6),
        (of_constant_matrices, 0),
        (with_scan, 0),
    ],
)
def test_the_largest_factorization(function, size):
    graph_fn = tf.function(function, autograph=False).get_concrete_function(POINTS)
    assert largest_factorization(graph_fn, len(POINTS)) == size


@pytest.mark.parametrize(
    ("function", "suits"),
    [(lambda x: recursion(x, 30), True), (lambda x: recursion(x, 50), False),
     (with_scan, True)],
)  # fmt: skip
def test_what_xla_compiles_in_seconds(function, suits):
    assert as_density(function).suits_xla(POINTS) == suits


@pytest.mark.parametrize("has_only_cpus", [True, False])
def test_large_factorizations_are_left_to_tensorflow_on_cpus(has_only_cpus, monkeypatch):
    monkeypatch.setattr(numerics, "has_only_cpus", lambda: has_only_cpus)
    limit = density._LARGEST_FACTORIZATION
    assert as_density(gaussian_process(limit)).suits_xla(POINTS)
    large = as_density(gaussian_process(limit + 1))
    assert large.suits_xla(POINTS) == (not has_only_cpus)
