"""softplus_minus_one and log_softplus against mpmath, also where they vanish."""

import mpmath
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import numerics

DTYPES = ("float32", "float64")
# softplus(ZERO) = 1, rounded to float64.
ZERO = float(mpmath.log(mpmath.e - 1))


def grid(dtype):
    """Both signs, from 1e-6 to 1e4, and 0."""
    positive = np.concatenate([np.geomspace(1e-6, 1e4, 200), np.arange(1.0, 120.0)])
    return np.concatenate([-positive, [0.0], positive]).astype(dtype)


def near_zero(dtype):
    """Floats around log(e - 1): its closest neighbours, and by powers of two."""
    center = np.asarray(ZERO, dtype)
    points = [center]
    for toward in (-1.0, 2.0):
        neighbour = center
        for _ in range(5):
            neighbour = np.nextafter(neighbour, np.asarray(toward, dtype))
            points.append(neighbour)
    steps = 2.0 ** -np.arange(0.0, 50.0)
    return np.unique(np.concatenate([points, ZERO + steps, ZERO - steps]).astype(dtype))


def exact(function, x):
    """`function` of mpf, at the floats `x`, rounded to float64."""
    with mpmath.workdps(60):
        return np.array([float(function(mpmath.mpf(float(x_i)))) for x_i in x])


def softplus(x):
    return mpmath.log1p(mpmath.exp(x))


@pytest.mark.parametrize("dtype", DTYPES)
def test_softplus_minus_one(dtype):
    x = grid(dtype)
    actual = numerics.softplus_minus_one(tf.constant(x)).numpy()
    assert actual.dtype == dtype
    truth = exact(lambda t: softplus(t) - 1, x)
    np.testing.assert_allclose(actual, truth, rtol=8 * np.finfo(dtype).eps)
    assert np.all(actual >= -1.0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_softplus_minus_one_keeps_relative_precision_at_its_zero(dtype):
    x = near_zero(dtype)
    actual = numerics.softplus_minus_one(tf.constant(x)).numpy()
    truth = exact(lambda t: softplus(t) - 1, x)
    np.testing.assert_allclose(actual, truth, rtol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_softplus_minus_one_in_half_precision(dtype):
    x = tf.constant(np.linspace(-8.0, 8.0, 65), dtype)
    actual = tf.cast(numerics.softplus_minus_one(x), tf.float64)
    truth = exact(lambda t: softplus(t) - 1, tf.cast(x, tf.float64).numpy())
    epsilon = numerics.epsilon(dtype)
    np.testing.assert_allclose(actual, truth, rtol=4 * epsilon, atol=4 * epsilon)


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_softplus(dtype):
    x = np.concatenate([grid(dtype), near_zero(dtype)])
    actual = numerics.log_softplus(tf.constant(x)).numpy()
    assert actual.dtype == dtype
    truth = exact(lambda t: mpmath.log(softplus(t)), x)
    # It has no relative precision at its zero, and nothing here needs it.
    epsilon = np.finfo(dtype).eps
    np.testing.assert_allclose(actual, truth, rtol=4 * epsilon, atol=4 * epsilon)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("function", "derivative"),
    [
        (numerics.softplus_minus_one, lambda t: 1 / (1 + mpmath.exp(-t))),
        (
            numerics.log_softplus,
            lambda t: 1 / (1 + mpmath.exp(-t)) / softplus(t),
        ),
    ],
    ids=["softplus_minus_one", "log_softplus"],
)
def test_gradients(function, derivative, dtype):
    points = np.concatenate([grid(dtype), near_zero(dtype), [-20.0, ZERO + 1.0]])
    x = tf.constant(points, dtype)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            value = function(x)
        first = inner.gradient(value, x)
    second = outer.gradient(first, x)
    epsilon = np.finfo(dtype).eps
    # Denormal slopes are flushed to zero.
    np.testing.assert_allclose(
        first,
        exact(derivative, x.numpy()),
        rtol=1e-8 if dtype == "float64" else 16 * epsilon,
        atol=np.finfo(dtype).tiny,
    )
    assert np.all(np.isfinite(second))
