"""log_blend against mpmath, down to the ends of its range."""

import mpmath
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.numerics import log_det

# dtype, least log(q) that log_blend represents, log(q) below which q is no number.
CASES = [("float32", -160.0, -79.0), ("float64", -1300.0, -638.0)]


def blend_arguments(log_q, dtype):
    """q - 1 and log(q) at the float nearest to `log_q`."""
    log_q = np.asarray(log_q, dtype)
    with mpmath.workdps(60):
        q_minus_one = mpmath.expm1(mpmath.mpf(float(log_q)))
        return np.asarray(float(q_minus_one), dtype), log_q


def exact_blend(complement, weight, q_minus_one, log_q):
    """The log of the blend, from the one of the two forms of q that is exact."""
    with mpmath.workdps(60):
        complement, weight = mpmath.mpf(float(complement)), mpmath.mpf(float(weight))
        if weight * float(q_minus_one) > -0.5:
            return float(mpmath.log1p(weight * mpmath.mpf(float(q_minus_one))))
        q = mpmath.exp(mpmath.mpf(float(log_q)))
        return float(mpmath.log(complement + weight * q))


def complements_and_weights():
    """Pairs that sum to 1 exactly, and complements too small to change the weight 1.

    The latter stand for points next to the hyperplane of a planar layer.
    """
    weights = [2.0**-k for k in range(1, 24)] + [1.0 - 2.0**-k for k in range(2, 24)]
    exact = [(1.0 - weight, weight) for weight in weights] + [(0.0, 1.0), (1.0, 0.0)]
    return exact, [(10.0**-k, 1.0) for k in range(8, 36, 3)]


@pytest.mark.parametrize(("dtype", "least", "least_number"), CASES)
def test_log_blend(dtype, least, least_number):
    exact, rounded = complements_and_weights()
    contracting = np.linspace(least, -1.0, 30)
    log_qs = [*np.linspace(-1.0, -least / 2.0, 30), 0.0]
    log_qs += [sign * 10.0**-k for k in range(8) for sign in (-1.0, 1.0)]
    rows = [
        (np.asarray(complement, dtype), np.asarray(weight, dtype), *factors)
        for pairs, logs in ((exact, log_qs), (exact + rounded, contracting))
        for complement, weight in pairs
        for factors in (blend_arguments(log_q, dtype) for log_q in logs)
    ]
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    actual = numerics.log_blend(*(tf.constant(column) for column in columns))
    truth = np.array([exact_blend(*row) for row in rows])
    epsilon, log_q = np.finfo(dtype).eps, columns[3]
    # Where q has to be rescaled, the log of the scale is subtracted, with an error of
    # an epsilon of it.
    rescaling = np.where(log_q < least_number, 2.0 * epsilon * np.abs(log_q), 0.0)
    assert np.all(np.abs(actual - truth) <= 16 * epsilon * np.abs(truth) + rescaling)


def test_log_blend_broadcasts():
    complement, weight = tf.constant([[0.25], [0.5], [1.0]]), [[0.75], [0.5], [0.0]]
    log_q = tf.constant([-1.0, 0.0, 1.0, 2.0])
    actual = numerics.log_blend(
        complement, tf.constant(weight), tf.math.expm1(log_q), log_q
    )
    assert actual.shape == (3, 4)
    expected = np.log(complement + weight * np.exp(log_q))
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("dtype", "least", "least_number"), CASES)
def test_log_blend_saturates(dtype, least, least_number):
    del least_number
    zero, one = tf.zeros([], dtype), tf.ones([], dtype)
    actual = numerics.log_blend(zero, one, -one, tf.constant([-1e4, -1e30], dtype))
    assert np.all(np.isfinite(actual))
    assert np.all(actual < least)


@pytest.mark.parametrize(("dtype", "least", "least_number"), CASES)
def test_log_blend_gradients_are_finite(dtype, least, least_number):
    del least_number
    log_q = tf.constant([0.5 * least, -20.0, -0.7, 0.0, 1e-6, 20.0], dtype)
    arguments = [
        tf.constant([[0.0], [1e-6], [0.5], [1.0]], dtype),
        tf.constant([[1.0], [1.0], [0.5], [0.0]], dtype),
        tf.math.expm1(log_q),
        log_q,
    ]
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        value = numerics.log_blend(*arguments)
    for gradient in tape.gradient(value, arguments):
        assert np.all(np.isfinite(gradient))
        assert np.any(np.abs(gradient) > 0.0)


def test_log_blend_gradients_match_finite_differences():
    # Along the curve that callers move on: complement = 1 - weight, q(log_q).
    weight = tf.constant([0.1, 0.5, 0.9, 0.999], tf.float64)[:, tf.newaxis]
    log_q = tf.constant([-30.0, -3.0, -0.5, 0.0, 0.5, 3.0, 30.0], tf.float64)

    def value(weight, log_q):
        return numerics.log_blend(1.0 - weight, weight, tf.math.expm1(log_q), log_q)

    step = 1e-6
    with tf.GradientTape(persistent=True) as tape:
        grid = [g + 0.0 for g in tf.meshgrid(weight[:, 0], log_q, indexing="ij")]
        tape.watch(grid)
        total = tf.reduce_sum(value(*grid))
    for i, direction in enumerate(np.eye(2)):
        a, b = step * direction
        difference = value(weight + a, log_q + b) - value(weight - a, log_q - b)
        np.testing.assert_allclose(
            tape.gradient(total, grid[i]),
            difference / (2.0 * step),
            rtol=1e-5,
            atol=1e-8,
        )


@pytest.mark.parametrize("log_q", [-120.0, -50.0, -0.5, 2.0])
@pytest.mark.parametrize("weight", [1e-3, 0.3, 0.75, 1.0])
def test_parts_of_the_blend_share_one_scale(log_q, weight):
    """Derivatives are quotients of these parts, also where q is no normal number."""
    arguments = [1.0 - weight, weight, np.expm1(log_q), log_q]
    part = log_det.blend(*(tf.constant(a, tf.float32) for a in arguments))
    scale = np.float64(part.scale)
    value = (1.0 - weight) + weight * np.exp(log_q)
    np.testing.assert_allclose(part.denominator, scale * value, rtol=1e-5)
    lost = 1e-6 * np.float64(part.denominator)
    np.testing.assert_allclose(part.scaled_q, scale * np.exp(log_q), rtol=1e-5, atol=lost)
