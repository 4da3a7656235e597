"""Edges of the radial stack; what it shares with other stacks: test_layer_stack.py."""

import numpy as np
import oracles
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

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


@pytest.mark.parametrize("event_size", [1, 3])
def test_gradients_of_the_forward_map(event_size, rng):
    # Of the first and second order, against those of the textbook form.
    inputs, weights = _gradient_case(event_size, rng)

    def textbook(x, center, alpha, beta):
        total = 0.0
        for k in range(center.shape[0]):
            offset = x - center[k]
            r = tf.norm(offset, axis=-1, keepdims=True)
            h = 1.0 / (alpha[k] + r)
            beta_hat = tf.math.softplus(beta[k]) - alpha[k]
            across = 1.0 + beta_hat * h
            total += (event_size - 1) * tf.math.log(across)
            total += tf.math.log(across - beta_hat * tf.square(h) * r)
            x = x + beta_hat * h * offset
        return x, total[:, 0]

    def stack(x, *parameters):
        return bijectors.RadialStack(*parameters).forward_and_log_det(x)

    expected = _two_orders(textbook, inputs, weights)
    for actual, gradient in zip(
        _two_orders(stack, inputs, weights), expected, strict=True
    ):
        np.testing.assert_allclose(actual, gradient, rtol=1e-9, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("event_size", [1, 3])
def test_gradients_of_the_inverse(event_size, rng):
    # Against those of single layers, whose inverse is differentiated automatically.
    inputs, weights = _gradient_case(event_size, rng)

    def both(bijector, y):
        return bijector.inverse(y), bijector.inverse_log_det_jacobian(y, 1)

    def chain(y, center, alpha, beta):
        layers = zip(*map(tf.unstack, (center, alpha, beta)), strict=True)
        layers = [bijectors.Radial(*layer) for layer in layers]
        return both(tfp.bijectors.Chain(layers[::-1]), y)

    def stack(y, *parameters):
        return both(bijectors.RadialStack(*parameters), y)

    expected = _two_orders(chain, inputs, weights)
    for actual, gradient in zip(
        _two_orders(stack, inputs, weights), expected, strict=True
    ):
        np.testing.assert_allclose(actual, gradient, rtol=1e-8, atol=1e-9)


def _gradient_case(event_size, rng):
    """Points and parameters of 4 layers, and the weights of a function of the image."""
    inputs = (
        rng.normal(size=(7, event_size)),
        rng.normal(size=(4, event_size)),
        rng.uniform(0.3, 2.0, size=4),
        2.0 * rng.normal(size=4),
    )
    return [tf.constant(i) for i in inputs], [
        rng.normal(size=(7, event_size)),
        rng.normal(size=7),
    ]


def _two_orders(function, inputs, weights):
    """Gradients of a weighted sum of image and log-det, and those of a sum of sines."""
    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            pairs = zip(function(*inputs), weights, strict=True)
            total = tf.add_n([tf.reduce_sum(value * weight) for value, weight in pairs])
        first = tape.gradient(total, inputs)
        sines = tf.add_n([tf.reduce_sum(tf.sin(gradient)) for gradient in first])
    return [*first, *outer.gradient(sines, inputs)]
