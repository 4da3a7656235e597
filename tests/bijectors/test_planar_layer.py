"""The scalar equation of the planar inverse, against mpmath at 60 digits."""

import json
import pathlib

import mpmath
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.bijectors import planar_layer

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "bijectors_jl.json"
EPSILON = {"float32": 2.0**-23, "float64": 2.0**-52}


def equation(s, c, q):
    """q tanh(s) + (s - tanh(s)) - c, and its derivative in s, in mpmath."""
    t = mpmath.tanh(s)
    return q * t + (s - t) - c, q * (1 - t**2) + t**2


def distance_to_root(s, c, q):
    """How far `s` is from the root: one Newton step, exact to second order."""
    with mpmath.workdps(400):
        s, c, q = (mpmath.mpf(float(value)) for value in (s, c, q))
        value, slope = equation(s, c, q)
        return abs(float(value / slope)), float(slope)


def grid(dtype):
    """All regimes: s ~ c/q, s ~ cube root of 3c, s ~ c, and saturation at c ~ q."""
    least = {"float32": 1e-28, "float64": 1e-280}[dtype]
    q = np.concatenate(
        [[0.0], np.geomspace(least, 1e-6, 5), np.geomspace(1e-5, 1e8, 20), [1.0]]
    )
    c = np.concatenate([[0.0], np.geomspace(least, 1e-6, 5), np.geomspace(1e-5, 1e9, 30)])
    q, c = (a.ravel() for a in np.meshgrid(q, c))
    steep, margin = np.meshgrid(np.geomspace(1.5, 1e8, 8), np.linspace(-30.0, 30.0, 13))
    q, c = np.append(q, steep), np.append(c, np.abs(steep - 1.0 + margin))
    return np.append(c, -c).astype(dtype), np.append(q, q).astype(dtype)


@pytest.mark.parametrize("dtype", EPSILON)
def test_root_in_every_regime(dtype):
    c, q = grid(dtype)
    s = planar_layer.solve_pre_activation(tf.constant(c), tf.constant(q)).numpy()
    assert s.dtype == dtype
    assert np.all(np.isfinite(s))
    np.testing.assert_array_equal(np.sign(s), np.sign(c))
    for s_i, c_i, q_i in zip(s, c, q, strict=True):
        if c_i == 0.0:
            continue
        error, slope = distance_to_root(s_i, c_i, q_i)
        # Of the terms q tanh(s) and c, each rounded, over the slope; and of s itself.
        terms = (2.0 * abs(c_i) + abs(s_i)) / slope
        assert error <= 8.0 * EPSILON[dtype] * min(terms, 1e300), (c_i, q_i)
        if q_i <= 1.0:
            assert error <= 16.0 * EPSILON[dtype] * abs(s_i), (c_i, q_i)


@pytest.mark.parametrize("dtype", EPSILON)
def test_number_of_iterations(dtype, monkeypatch):
    # Where the residual is exact to a few percent of s; elsewhere bisections end it.
    c, q = grid(dtype)
    is_exact = np.abs(c) < 1e-3 / EPSILON[dtype] ** 0.5
    c, q = tf.constant(c[is_exact]), tf.constant(q[is_exact])
    monkeypatch.setattr(planar_layer, "_MAX_ITERATIONS", 5)
    assert np.all(np.isfinite(planar_layer.solve_pre_activation(c, q)))
    monkeypatch.setattr(planar_layer, "_MAX_ITERATIONS", 2)
    assert np.any(np.isnan(planar_layer.solve_pre_activation(c, q)))


def find_alpha(wt_y, wt_u_hat, b):
    """The solution of wt_y = alpha + wt_u_hat tanh(alpha + b), as the layer finds it."""
    wt_y, wt_u_hat, b = (tf.constant(p, tf.float64) for p in (wt_y, wt_u_hat, b))
    s = planar_layer.solve_pre_activation(wt_y + b, 1.0 + wt_u_hat)
    return (wt_y - wt_u_hat * tf.tanh(s)).numpy()


def test_grid_of_bijectors_jl():
    cases = json.loads(GOLDEN.read_text())["find_alpha"]
    arguments = np.array([[case[k] for k in ("wt_y", "wt_u_hat", "b")] for case in cases])
    assert len(arguments) >= 7 * 8 * 7 + 1
    assert set(arguments[:, 1]) >= {-1.0, -1e-20, 1e-20, 17.2}
    assert np.min(arguments[:, 2]) == -1e8
    wt_y, wt_u_hat, b = arguments.T
    alpha = find_alpha(wt_y, wt_u_hat, b)
    truth = np.array([case["alpha"] for case in cases])
    # The rounding of the data: the solution moves with wt_y and b over the slope.
    with np.errstate(over="ignore"):
        sech = 1.0 / np.cosh(truth + b) ** 2
    slope = np.tanh(truth + b) ** 2 + (1.0 + wt_u_hat) * sech
    gain = np.where(
        slope > 0.0, np.abs(wt_u_hat) * sech / np.where(slope > 0, slope, 1), 1
    )
    size = np.abs(wt_y) + np.abs(wt_u_hat) + gain * (np.abs(wt_y) + np.abs(b))
    assert np.all(np.abs(alpha - truth) <= 2.0 * EPSILON["float64"] * size)
    # And the equation itself: its terms rounded, alpha and alpha + b over the slope.
    residual = np.abs(alpha + wt_u_hat * np.tanh(alpha + b) - wt_y)
    terms = np.abs(wt_y) + np.abs(wt_u_hat) + slope * (np.abs(alpha) + np.abs(b))
    assert np.all(residual <= 2.0 * EPSILON["float64"] * terms)


def test_wide_grid_around_that_of_bijectors_jl():
    # b and w.y to -+1e8, w.u_hat from -1 + 1e-15.
    values = [0.0, 1e-20, 1e-8, 0.7, 3.0, 17.2, 1e3, 1e8]
    b = np.array([-v for v in values] + values)
    gain = np.array(
        [-1.0, -1.0 + 1e-15, -1.0 + 1e-7, -0.5, -1e-20, 0.0, 1e-20, 3.0, 17.2]
    )
    wt_y, wt_u_hat, b = (a.ravel() for a in np.meshgrid(b, gain, b))
    alpha = find_alpha(wt_y, wt_u_hat, b)
    size = np.abs(wt_y) + np.abs(wt_u_hat) + np.abs(b)
    for alpha_i, *case, size_i in zip(alpha, wt_y, wt_u_hat, b, size, strict=True):
        with mpmath.workdps(60):
            y, m, shift = (mpmath.mpf(float(value)) for value in case)
            a = mpmath.mpf(float(alpha_i))
            error = abs(a + m * mpmath.tanh(a + shift) - y)
        assert float(error) <= 4.0 * EPSILON["float64"] * size_i, case


def test_gradients_are_those_of_the_implicit_function():
    c = tf.constant([-3.0, -1e-9, 0.0, 0.4, 20.0], tf.float64)[:, tf.newaxis]
    q = tf.constant([1e-3, 0.9, 1.0, 7.0], tf.float64)
    with tf.GradientTape(persistent=True) as outer:
        outer.watch([c, q])
        with tf.GradientTape(persistent=True) as inner:
            inner.watch([c, q])
            s = planar_layer.solve_pre_activation(c, q)
        by_c, by_q = inner.gradient(s, c), inner.gradient(s, q)
    t = np.tanh(s)
    slope = q + (1.0 - q) * t**2
    np.testing.assert_allclose(by_c, np.sum(1.0 / slope, axis=1, keepdims=True), 1e-12)
    np.testing.assert_allclose(by_q, np.sum(-t / slope, axis=0), rtol=1e-12)
    # d slope / ds = 2 (1 - q) t (1 - t^2)
    second = np.sum(-2.0 * (1.0 - q) * t * (1.0 - t**2) / slope**3, axis=1, keepdims=True)
    np.testing.assert_allclose(outer.gradient(by_c, c), second, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_half_precision_is_solved_in_float32(dtype):
    c = tf.constant([-3.0, 0.0, 0.02, 5.0], dtype)
    q = tf.constant([0.01, 0.5, 0.002, 4.0], dtype)
    s = planar_layer.solve_pre_activation(c, q)
    assert s.dtype == dtype
    wide = planar_layer.solve_pre_activation(*(tf.cast(p, tf.float64) for p in (c, q)))
    np.testing.assert_array_equal(
        tf.cast(s, tf.float64), tf.cast(tf.cast(wide, dtype), tf.float64)
    )
