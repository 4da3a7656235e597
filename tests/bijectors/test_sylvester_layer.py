"""The constraint of a layer's diagonals, against mpmath."""

import mpmath
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.bijectors.sylvester_layer import product_factors

X = np.concatenate([-np.geomspace(1e12, 1e-12, 25), [0.0], np.geomspace(1e-12, 1e12, 25)])


def exact(x):
    """g, q, q - 1 and log q of one x, by the definition."""
    with mpmath.workdps(60):
        x = mpmath.mpf(float(x))
        q = mpmath.exp(mpmath.asinh(x))
        return [float(value) for value in (2 * q / (1 + q), q, q - 1, mpmath.log(q))]


def test_every_factor_is_exact():
    actual = np.stack(product_factors(tf.constant(X)))
    expected = np.transpose([exact(x) for x in X])
    np.testing.assert_allclose(actual, expected, rtol=1e-15)


def test_product_is_above_minus_one():
    gain, q, _, _ = (factor.numpy() for factor in product_factors(tf.constant(X)))
    assert np.all(q > 0.0)
    near = np.abs(X) < 1e6
    np.testing.assert_allclose(1.0 + (X * gain)[near], q[near], rtol=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("x", [-1e3, -1.5, -1e-9, 0.0, 0.7, 1e3])
def test_derivatives(x, order):
    value = tf.constant(x, tf.float64)

    def nth(i, order):
        if order == 0:
            return product_factors(value)[i]
        with tf.GradientTape() as tape:
            tape.watch(value)
            result = nth(i, order - 1)
        return tape.gradient(result, value)

    with mpmath.workdps(60):
        q = lambda t: mpmath.exp(mpmath.asinh(t))  # noqa: E731
        functions = (lambda t: 2 * q(t) / (1 + q(t)), q, lambda t: q(t) - 1, mpmath.asinh)
        expected = [float(mpmath.diff(f, mpmath.mpf(x), order)) for f in functions]
    actual = [nth(i, order).numpy() for i in range(4)]
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-15)
