"""Edges of the planar stack; what it shares with other stacks: test_layer_stack.py."""

import math

import numpy as np
import oracles
import pytest
import tensorflow as tf

from tfp_flows import bijectors


def test_displacements_are_those_of_single_layers(rng):
    u, w, b = rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 4, 3)), np.zeros((2, 4))
    stack = bijectors.PlanarStack(u, w, b)
    np.testing.assert_array_equal(stack.u_hat, bijectors.Planar(u, w, b).u_hat)
    np.testing.assert_allclose(stack.u_hat, oracles.planar_u_hat(u, w), rtol=1e-11)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_identity(dtype, rng):
    w = rng.normal(size=(16, 2))
    u = math.log(math.e - 1.0) * w / np.sum(w**2, axis=-1, keepdims=True)
    stack = bijectors.PlanarStack(u.astype(dtype), w.astype(dtype), np.zeros(16, dtype))
    x = rng.normal(size=(50, 2)).astype(dtype)
    bound = 16 * 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(stack.forward(x), x, rtol=bound, atol=bound)
    assert np.max(np.abs(stack.forward_log_det_jacobian(x))) <= bound


def test_zero_normal_in_one_layer(rng):
    u, w, b = (rng.normal(size=size) for size in ((3, 2), (3, 2), 3))
    w[1] = 0.0
    x = rng.normal(size=(5, 2))
    inputs = [tf.constant(p) for p in (u, w, b, x)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        stack = bijectors.PlanarStack(*inputs[:3])
        y, log_det = stack.forward(inputs[3]), stack.forward_log_det_jacobian(inputs[3])
        total = tf.reduce_sum(y) + tf.reduce_sum(log_det)
    image, truth = oracles.compose_exact(
        oracles.planar_exact, x, list(zip(u, w, b, strict=True))
    )
    np.testing.assert_allclose(y, image, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(log_det, truth, rtol=1e-12, atol=1e-12)
    assert all(np.all(np.isfinite(g)) for g in tape.gradient(total, inputs))


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 1e-5), ("float64", 1e-12)])
def test_strong_contraction_in_every_layer(dtype, bound):
    # The origin is on every hyperplane and every u is along w: each layer gives -50.
    w = np.array([[0.5, -1.25], [2.0, 0.0]])
    u = -50.0 * w / np.sum(w**2, axis=-1, keepdims=True)
    parameters = [np.asarray(p, dtype) for p in (u, w, np.zeros(2))]
    x = np.zeros((1, 2), dtype)
    actual = bijectors.PlanarStack(*parameters).forward_log_det_jacobian(x)
    layers = list(zip(*parameters, strict=True))
    _, truth = oracles.compose_exact(oracles.planar_exact, x, layers)
    assert truth == pytest.approx(-100.0, rel=1e-5)
    np.testing.assert_allclose(actual, truth, rtol=bound)


def test_event_sizes_that_differ_are_refused():
    with pytest.raises(ValueError, match="u: 2, w: 1"):
        bijectors.PlanarStack(np.ones((3, 2)), np.ones((3, 1)), np.ones(3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradient_of_the_inverse_of_a_strong_contraction(dtype):
    # The slope q sech^2(s) + tanh^2(s) is 3e-8: 1 - sech^2(s) is no substitute for
    # tanh^2(s) in float32.
    parameters = [np.asarray(p, dtype) for p in ([[-20.0, 0.0]], [[1.0, 0.0]], [0.0])]
    y = tf.constant([[2e-12, 0.3]], dtype)
    with tf.GradientTape() as tape:
        tape.watch(y)
        x = bijectors.PlanarStack(*parameters).inverse(y)[0, 0]
    t, q = np.tanh(np.float64(x)), np.log1p(np.exp(-20.0))
    expected = 1.0 / (q * (1.0 - t**2) + t**2)
    np.testing.assert_allclose(tape.gradient(x, y)[0, 0], expected, rtol=1e-5)
