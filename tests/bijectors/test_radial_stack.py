"""Edges of the radial stack; what it shares with other stacks: test_layer_stack.py."""

import numpy as np
import oracles
import pytest
import tensorflow as tf

from tfp_flows import bijectors


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_identity(dtype, rng):
    alpha = np.ones(16, dtype)
    beta = np.full(16, np.log(np.e - 1.0), dtype)
    stack = bijectors.RadialStack(rng.normal(size=(16, 3)).astype(dtype), alpha, beta)
    x = rng.normal(size=(50, 3)).astype(dtype)
    bound = 16 * 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(stack.forward(x), x, rtol=bound, atol=bound)
    assert np.max(np.abs(stack.forward_log_det_jacobian(x))) <= bound


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_points_on_the_centers(dtype):
    # One center for all layers: the point stays there, where each log-det is
    # D log(p / alpha) and the norm has no derivative.
    center = np.tile([0.25, -0.5], (3, 1))
    alpha, beta = np.array([0.5, 1.0, 2.0]), np.array([-20.0, 0.0, 2.0])
    inputs = [tf.constant(p, dtype) for p in (center, alpha, beta, center[:1])]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        stack = bijectors.RadialStack(*inputs[:3])
        y, log_det = stack.forward(inputs[3]), stack.forward_log_det_jacobian(inputs[3])
        total = tf.reduce_sum(y) + tf.reduce_sum(log_det)
    np.testing.assert_array_equal(y, inputs[3])
    layers = list(zip(center, alpha, beta, strict=True))
    _, truth = oracles.compose_exact(oracles.radial_exact, center[:1], layers)
    bound = {"float32": 1e-5, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(log_det, truth, rtol=bound)
    assert all(np.all(np.isfinite(g)) for g in tape.gradient(total, inputs))


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 1e-5), ("float64", 1e-12)])
def test_strong_contraction_in_every_layer(dtype, bound):
    parameters = [
        np.asarray(p, dtype) for p in (np.zeros((2, 3)), np.ones(2), np.full(2, -50.0))
    ]
    x = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, -0.25]], dtype)
    actual = bijectors.RadialStack(*parameters).forward_log_det_jacobian(x)
    layers = list(zip(*parameters, strict=True))
    _, truth = oracles.compose_exact(oracles.radial_exact, x, layers)
    assert truth[0] == pytest.approx(-300.0)
    np.testing.assert_allclose(actual, truth, rtol=bound)
