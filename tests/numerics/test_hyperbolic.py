"""tanh_and_slope and tanh_remainder against mpmath, down to the ends of their ranges."""

import mpmath
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import numerics


@pytest.mark.parametrize(("dtype", "largest"), [("float32", 40.0), ("float64", 350.0)])
def test_tanh_and_slope(dtype, largest):
    positive = np.concatenate([np.geomspace(1e-30, 1.0, 61), np.linspace(1.0, largest)])
    s = np.concatenate([-positive, [0.0], positive]).astype(dtype)
    tanh, slope = numerics.tanh_and_slope(tf.constant(s))
    with mpmath.workdps(60):
        exact = [mpmath.mpf(float(s_i)) for s_i in s]
        tanh_truth = [float(mpmath.tanh(s_i)) for s_i in exact]
        slope_truth = [float(mpmath.sech(s_i) ** 2) for s_i in exact]
    epsilon = np.finfo(dtype).eps
    # TensorFlow's own tanh is a rational approximation.
    np.testing.assert_allclose(tanh, tanh_truth, rtol=8 * epsilon, atol=0.0)
    np.testing.assert_allclose(slope, slope_truth, rtol=8 * epsilon, atol=0.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tanh_and_slope_far_out(dtype):
    s = tf.constant([-1e30, -1e3, 1e3, 1e30], dtype)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(s)
        tanh, slope = numerics.tanh_and_slope(s)
    np.testing.assert_array_equal(tanh, np.sign(s))
    np.testing.assert_array_equal(slope, np.zeros(4))
    np.testing.assert_array_equal(tape.gradient(tanh, s), np.zeros(4))
    np.testing.assert_array_equal(tape.gradient(slope, s), np.zeros(4))


def test_derivatives_of_slope():
    s = tf.constant([-20.0, -1.0, 0.0, 1e-8, 0.5, 20.0], tf.float64)
    with tf.GradientTape() as outer:
        outer.watch(s)
        with tf.GradientTape() as inner:
            inner.watch(s)
            tanh, slope = numerics.tanh_and_slope(s)
        first = inner.gradient(slope, s)
    second = outer.gradient(first, s)
    np.testing.assert_allclose(first, -2.0 * tanh * slope, rtol=1e-12, atol=1e-15)
    # The second derivative at 0 is -2: a formula in |s| gives 0 there.
    expected = 4.0 * tf.square(tanh) * slope - 2.0 * tf.square(slope)
    np.testing.assert_allclose(second, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("dtype", "least"), [("float32", 1e-12), ("float64", 1e-100)])
def test_tanh_remainder(dtype, least):
    positive = np.concatenate([np.geomspace(least, 1.0, 201), np.linspace(0.9, 30.0)])
    s = np.concatenate([-positive, [0.0], positive]).astype(dtype)
    with mpmath.workdps(400):
        truth = [float(mpmath.mpf(float(x)) - mpmath.tanh(float(x))) for x in s]
    actual = numerics.tanh_remainder(tf.constant(s))
    # Just above 1 the subtraction loses a factor s / (s - tanh(s)) = 4.
    np.testing.assert_allclose(actual, truth, rtol=8 * np.finfo(dtype).eps, atol=0.0)


def test_derivatives_of_tanh_remainder():
    s = tf.constant([-1e200, -3.0, -0.5, 0.0, 1e-9, 0.99, 1.01, 1e200], tf.float64)
    with tf.GradientTape() as outer:
        outer.watch(s)
        with tf.GradientTape() as inner:
            inner.watch(s)
            remainder = numerics.tanh_remainder(s)
        first = inner.gradient(remainder, s)
    tanh, slope = numerics.tanh_and_slope(s)
    np.testing.assert_allclose(first, tf.square(tanh), rtol=1e-13)
    np.testing.assert_allclose(outer.gradient(first, s), 2.0 * tanh * slope, rtol=1e-12)
