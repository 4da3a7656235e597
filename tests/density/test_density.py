"""The first look at a target: values, points that are apart, gradients, fingerprints."""

import re

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.density import as_density

POINTS = tf.random.stateless_normal([64, 2], [0, 1])
DATA = tf.random.stateless_normal([64], [0, 2])


def bump(x):
    return -0.5 * tf.reduce_sum(tf.square(x), axis=-1)


def numpy_bump(x):
    return -0.5 * np.sum(np.square(x), axis=-1)


def outside(x):
    return tf.numpy_function(numpy_bump, [x], x.dtype)


@tf.custom_gradient
def outside_with_gradient(x):
    def gradient(upstream):
        return upstream[..., tf.newaxis] * tf.numpy_function(np.negative, [x], x.dtype)

    return outside(x), gradient


def noisy(x):
    return bump(x) + tf.random.normal(x.shape[:-1])


def forgotten_sum(x):
    return tfp.distributions.Normal(x[..., 0], 1.0).log_prob(DATA)


def standardised(x):
    return bump(x - tf.reduce_mean(x, axis=0))


def sorted_values(x):
    return tf.sort(bump(x))


@pytest.mark.parametrize("target", [bump, numpy_bump, outside, noisy])
@pytest.mark.parametrize("shape", [[1], [3], [64], [5, 4]])
def test_densities_of_single_points_pass(target, shape):
    points = tf.random.stateless_normal([*shape, 2], [0, 1])
    assert as_density(target).check(points).shape == shape


@pytest.mark.parametrize("text", ["too long", "too long.", "too long [Op:Mul] name: "])
def test_what_a_target_raised_is_a_sentence_of_the_message(text):
    def broken(x):
        raise IndexError(text)

    end = text.removesuffix(" name: ").removesuffix(".")
    with pytest.raises(ValueError, match=re.escape(f": {end}. Check that it is")):
        as_density(broken).check(POINTS)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (forgotten_sum, r"works for 64 points, but fails for 3.*sum over it"),
        (standardised, "3 points other values alone than among 64"),
        (sorted_values, "3 points other values alone than among 64"),
        (lambda x: bump(x[:64]) + tf.zeros([64]), "works for 64 points, but fails"),
        (lambda x: DATA, r"returned shape \(64,\) for 3 of 64 points"),
    ],
    ids=["forgotten sum", "standardised", "sorted", "fixed size", "constant"],
)
def test_a_density_that_depends_on_the_points_beside_is_refused(target, message):
    with pytest.raises(ValueError, match=message):
        as_density(target).check(POINTS)


def test_infinite_values_outside_the_support_are_no_fault():
    def half(x):
        return tf.where(x[..., 0] > 0.0, bump(x), -np.inf)

    assert np.any(np.isneginf(as_density(half).check(POINTS)))
    as_density(half).check_gradient(POINTS)


@pytest.mark.parametrize(
    "target",
    [
        bump,
        lambda x: 1e6 * bump(x),
        lambda x: 1e6 + bump(x),  # its slopes are lost in rounding
        lambda x: -tf.reduce_sum(tf.abs(x), axis=-1),
        lambda x: tf.reduce_sum(tf.sin(300.0 * x), axis=-1),
        lambda x: 0.0 * x[..., 0],  # flat where the points are
        noisy,
        outside_with_gradient,
        lambda x: tf.py_function(bump, [x], x.dtype),
    ],
)
def test_gradients_that_are_slopes_pass(target):
    as_density(target).check_gradient(POINTS)
    as_density(target).check_gradient(POINTS[:1])


def test_slopes_of_far_points_are_lost_in_rounding():
    as_density(bump).check_gradient(1e8 + POINTS)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (outside, "No gradient flows.*tf.custom_gradient"),
        (lambda x: tf.py_function(lambda a: numpy_bump(a.numpy()), [x], x.dtype), "No"),
        (lambda x: bump(tf.stop_gradient(x)), "No gradient flows"),
        (lambda x: bump(tf.round(4.0 * x)), "No gradient flows"),
        (lambda x: bump(x) + outside(x - 3.0), "not its slope.*tf.custom_gradient"),
        (
            lambda x: bump(x[..., :1]) + bump(tf.stop_gradient(x[..., 1:])),
            "not its slope",
        ),
    ],
    ids=["numpy", "py", "stopped", "rounded", "prior and numpy", "one dimension"],
)
def test_gradients_that_miss_the_target_are_refused(target, message):
    as_density(target).check(POINTS)
    with pytest.raises(ValueError, match=message):
        as_density(target).check_gradient(POINTS)


@pytest.mark.parametrize(
    "target", [numpy_bump, lambda x: tf.constant(numpy_bump(x.numpy()))]
)
def test_numpy_functions_cannot_be_compiled(target):
    with pytest.raises(ValueError, match=r"cannot be compiled.*_function with a tf.cus"):
        as_density(target).check_gradient(POINTS)


def test_shapes_out_of_numpy_functions_are_known():
    @tf.function(input_signature=[tf.TensorSpec(POINTS.shape, POINTS.dtype)])
    def value_and_gradient(x):
        value, gradient = tfp.math.value_and_gradient(
            as_density(outside_with_gradient), x
        )
        assert value.shape == [64]
        assert gradient.shape == [64, 2]
        return value, gradient

    value, gradient = value_and_gradient(POINTS)
    np.testing.assert_allclose(value, bump(POINTS), rtol=1e-6)
    np.testing.assert_array_equal(gradient, -POINTS)
    assert as_density(outside).trace(POINTS).output_shapes == [64]


def test_fingerprints_know_a_target_again():
    density = as_density(bump)
    fingerprint = density.fingerprint(POINTS)
    np.testing.assert_array_equal(fingerprint, bump(POINTS)[:8])
    assert fingerprint.dtype == np.float32
    assert density.fingerprint(POINTS[:4]).shape == (4,)
    # A random target cannot be told from another random one.
    assert np.all(np.isnan(as_density(noisy).fingerprint(POINTS)))
