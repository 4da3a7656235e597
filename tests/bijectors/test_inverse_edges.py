"""Inverses where formulas divide by zero, under- or overflow."""

import math

import mpmath
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import bijectors

W = np.array([0.5, -1.25])
EPSILON = {"float32": 2.0**-23, "float64": 2.0**-52}


def planar(w_u, b=0.0, w=W, dtype="float64"):
    u = w_u * w / np.sum(w**2)
    return bijectors.Planar(*(np.asarray(p, dtype) for p in (u, w, b)))


def inverse_and_gradients(make, parameters, y):
    inputs = [tf.constant(p) for p in (*parameters, y)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        bijector = make(*inputs[:-1])
        x = bijector.inverse(inputs[-1])
        log_det = bijector.inverse_log_det_jacobian(inputs[-1])
        total = tf.reduce_sum(tf.sin(x)) + tf.reduce_sum(log_det)
    return x.numpy(), log_det.numpy(), tape.gradient(total, inputs)


@pytest.mark.parametrize("dtype", EPSILON)
def test_zero_normal_is_a_translation(dtype, rng):
    u, b = rng.normal(size=2).astype(dtype), np.asarray(0.7, dtype)
    y = rng.normal(size=(5, 2)).astype(dtype)
    x, log_det, gradients = inverse_and_gradients(
        bijectors.Planar, (u, np.zeros(2, dtype), b), y
    )
    bound = 4 * EPSILON[dtype]
    np.testing.assert_allclose(x, y - u * np.tanh(b), rtol=bound, atol=bound)
    np.testing.assert_array_equal(log_det, np.zeros(5))
    assert all(np.all(np.isfinite(g)) for g in gradients)


@pytest.mark.parametrize("dtype", EPSILON)
@pytest.mark.parametrize("b", [0.0, -3.0])
def test_identity_layers_are_their_own_inverse(b, dtype, rng):
    y = rng.normal(size=(50, 2)).astype(dtype)
    x = planar(math.log(math.e - 1.0), b, dtype=dtype).inverse(y)
    np.testing.assert_allclose(x, y, rtol=0.0, atol=8 * EPSILON[dtype])


@pytest.mark.parametrize("dtype", EPSILON)
@pytest.mark.parametrize("w_u", [-20.0, -50.0, -85.0])
def test_strong_contraction(w_u, dtype):
    # s^3 / 3 = w.y next to the hyperplane, until q s takes over at s ~ sqrt(3 q).
    offsets = np.array([0.0, 1e-12, 1e-3, 0.5, -30.0])
    y = (offsets[:, np.newaxis] * W / np.sum(W**2)).astype(dtype)
    layer = planar(w_u, dtype=dtype)
    x, log_det, gradients = inverse_and_gradients(
        bijectors.Planar, (layer.u, layer.w, layer.b), y
    )
    s, q = x @ W, math.exp(w_u)
    assert np.all(np.isfinite(x))
    np.testing.assert_array_equal(x[0], [0.0, 0.0])
    assert log_det[0] == pytest.approx(-w_u, rel=1e-6)
    cube_root = (3.0 * offsets[2]) ** (1.0 / 3.0)
    assert s[2] == pytest.approx(cube_root, rel=0.01 if w_u < -30 else 0.02)
    assert s[4] == pytest.approx(-31.0, rel=1e-6)
    assert q * s[1] + s[1] ** 3 / 3.0 == pytest.approx(1e-12, rel=1e-3)
    assert all(np.all(np.isfinite(g)) for g in gradients)


def test_strong_expansion_in_every_regime():
    # x jumps by 2 |u_hat| across the hyperplane; inside, tanh(s) = w.y / (w.u_hat).
    layer = planar(1e6)
    w_y = np.array([0.0, 1.0, 5e5, 1e6, 1e6 + 50.0, -2e6])
    y = w_y[:, np.newaxis] * W / np.sum(W**2)
    s = layer.inverse(y).numpy() @ W
    np.testing.assert_allclose(s[:3], [0.0, 1e-6, math.atanh(0.5)], rtol=1e-5)
    assert s[4] == pytest.approx(51.0, abs=1e-3)
    assert s[5] == pytest.approx(-1e6, rel=1e-5)


def test_log_det_on_the_far_hyperplane_of_an_expansion():
    # w.x + b of the rounded x is off by a unit, the root of the equation by thousandths.
    u = np.array([48.66860580444336, -9.153173446655273, 86.88259887695312], "f4")
    w = np.array([-794.382568359375, 353.76873779296875, 493.76513671875], "f4")
    b = np.array(-50.0, "f4")
    y = np.array([-4945.39111328, 950.53375244, -8637.16796875], "f4")
    with mpmath.workdps(30):
        q = mpmath.log1p(mpmath.exp(mpmath.fdot(w.tolist(), u.tolist())))
        c = mpmath.fdot(w.tolist(), y.tolist()) + b.item()
        s = mpmath.findroot(lambda s: s + (q - 1) * mpmath.tanh(s) - c, c / q)
        truth = -mpmath.log(1 + (q - 1) * mpmath.sech(s) ** 2)
    log_det = bijectors.Planar(u, w, b).inverse_log_det_jacobian(y).numpy()
    assert log_det == pytest.approx(float(truth), abs=2e-3)
    assert log_det == pytest.approx(-6.907, abs=2e-3)


@pytest.mark.parametrize("dtype", EPSILON)
@pytest.mark.parametrize("beta", [-50.0, 0.5, 90.0])
def test_radial_center(beta, dtype):
    center = np.array([0.25, -0.5], dtype)
    parameters = center, np.asarray(0.7, dtype), np.asarray(beta, dtype)
    x, log_det, gradients = inverse_and_gradients(
        bijectors.Radial, parameters, center[np.newaxis]
    )
    np.testing.assert_array_equal(x[0], center)
    slope = np.logaddexp(0.0, beta) / 0.7
    assert log_det[0] == pytest.approx(-2.0 * np.log(slope), rel=1e-5)
    assert all(np.all(np.isfinite(g)) for g in gradients)
    expected = np.cos(center) / slope
    np.testing.assert_allclose(gradients[3][0], expected, rtol=1e-5)


@pytest.mark.parametrize("dtype", EPSILON)
@pytest.mark.parametrize("distance", [1e-18, 1e-6, 1.0, 1e6, 1e18])
@pytest.mark.parametrize("beta", [-40.0, -3.0, 40.0])
def test_radial_at_every_distance(beta, distance, dtype):
    if dtype == "float32" and beta == -40.0 and distance == 1e-18:
        pytest.skip("the image, at 6e-36, has no squared norm in float32")
    layer = bijectors.Radial(*(np.asarray(p, dtype) for p in (np.zeros(2), 0.7, beta)))
    x = np.array([[distance, 0.0], [0.6 * distance, -0.8 * distance]], dtype)
    y = tf.identity(layer.forward(x))
    # p / alpha = 6e-18 flattens the center: there p r is lost next to r^2.
    np.testing.assert_allclose(layer.inverse(y), x, rtol=32 * EPSILON[dtype])


def test_radial_where_the_scale_underflows():
    layer = bijectors.Radial(np.zeros(2, np.float32), 0.7, -300.0)
    y = np.array([[0.0, 0.0], [1.0, 0.0]], np.float32)
    x = layer.inverse(y).numpy()
    # r^2 = (alpha + r) g
    r = 0.5 + math.sqrt(0.25 + 0.7)
    np.testing.assert_allclose(x, [[0.0, 0.0], [r, 0.0]], rtol=1e-6)
