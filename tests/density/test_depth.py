"""Chains of arithmetic, which XLA may not compile in a reasonable time."""

import pytest
import tensorflow as tf

from tfp_flows.density import as_density
from tfp_flows.density.depth import arithmetic_depth

POINTS = tf.zeros([2, 3])


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


@pytest.mark.parametrize(
    ("function", "suits"),
    [(lambda x: recursion(x, 30), True), (lambda x: recursion(x, 50), False),
     (with_scan, True)],
)  # fmt: skip
def test_what_xla_compiles_in_seconds(function, suits):
    assert as_density(function).suits_xla(POINTS) == suits
