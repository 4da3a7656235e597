import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.mcmc.random_walk import RandomWalk


def awkward(x):
    """A normal, with a region of every kind of number that is none."""
    log_prob = -0.5 * tf.reduce_sum(tf.square(x), axis=-1)
    for side, value in ((-1.0, np.nan), (1.0, np.inf)):
        log_prob = tf.where(side * x[..., 0] > 1.5, value, log_prob)
    return tf.where(x[..., 1] > 1.0, -np.inf, log_prob)


def kernels(scale):
    theirs = tfp.mcmc.RandomWalkMetropolis(
        awkward, new_state_fn=tfp.mcmc.random_walk_normal_fn(scale)
    )
    return RandomWalk(awkward, scale), theirs


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64], ids=lambda d: d.name)
def test_a_transition_is_that_of_tfp_to_the_last_bit(dtype):
    ours, theirs = kernels(tf.constant([0.7, 1.9], dtype))
    state = mine = tf.zeros([200, 2], dtype)
    results, my_results = (k.bootstrap_results(state) for k in (theirs, ours))
    num_accepted = num_invalid = 0
    for step in range(5):
        state, results = theirs.one_step(state, results, seed=[3, step])
        mine, my_results = ours.one_step(mine, my_results, seed=[3, step])
        expected = (
            results.accepted_results.target_log_prob,
            results.is_accepted,
            results.log_accept_ratio,
            results.proposed_results.target_log_prob,
        )
        np.testing.assert_array_equal(mine, state)
        for value, truth in zip(my_results, expected, strict=True):
            np.testing.assert_array_equal(value, truth)
        num_accepted += np.sum(my_results.is_accepted)
        num_invalid += np.sum(~np.isfinite(my_results.proposed_target_log_prob))
    assert 100 < num_accepted < 900
    assert num_invalid > 100


def test_chains_of_tfp_take_the_kernel():
    samples, other = (
        tfp.mcmc.sample_chain(
            3, tf.zeros([4, 2]), kernel=kernel, trace_fn=None, seed=[1, 2]
        )
        for kernel in kernels(0.5)
    )
    np.testing.assert_array_equal(samples, other)


def test_vectors_may_lie_along_the_first_axis():
    last = RandomWalk(awkward, tf.constant([0.7, 1.9]))
    first = RandomWalk(
        lambda x: awkward(tf.transpose(x)), tf.constant([[0.7], [1.9]]), event_axis=0
    )
    state, noise = tf.random.stateless_normal([2, 200, 2], seed=[1, 2])
    state = tf.minimum(state, 0.5)
    log_uniform = tf.math.log(tf.random.stateless_uniform([200], seed=[1, 3]))
    expected, results = last.move(state, awkward(state), noise, log_uniform)
    moved, other = first.move(
        tf.transpose(state), awkward(state), tf.transpose(noise), log_uniform
    )
    np.testing.assert_array_equal(tf.transpose(moved), expected)
    tf.nest.map_structure(np.testing.assert_array_equal, other, results)
