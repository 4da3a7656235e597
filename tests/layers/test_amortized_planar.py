"""Amortised planar layers whose normal w(h) passes through zero."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.layers import AmortizedPlanar


def at(w, v, b, dtype="float32", **kwargs):
    """A layer of these parameters `[K, D]`, `[K]`, whatever h is."""
    layer = AmortizedPlanar(len(b), dtype=dtype, seed=0, **kwargs)
    layer.build([(None, w.shape[-1]), (None, 1)])
    flat = np.concatenate([np.ravel(v), np.ravel(w), b])
    layer.set_weights([np.zeros([1, flat.size]), flat])
    return layer


@pytest.mark.parametrize("event_size", [1, 3])
def test_smooth_constraint_by_its_formula(event_size, rng):
    w, v = rng.normal(size=(2, 2, event_size))
    b = rng.normal(size=2)
    z = z0 = rng.normal(size=(6, event_size))
    log_det = 0.0
    for k in range(2):
        x, s = w[k] @ v[k], z @ w[k] + b[k]
        u_hat = v[k] + (np.sqrt(1 + x**2) - 1) * w[k] / np.sum(w[k] ** 2)
        z = z + u_hat * np.tanh(s)[:, np.newaxis]
        log_det += np.log(1 + w[k] @ u_hat / np.cosh(s) ** 2)
    layer = at(w, v, b, "float64", constraint="asinh")
    h = np.zeros([6, 1])
    for actual, expected in zip(layer([z0, h]), (z, log_det), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(layer.inverse([z, h])[0], z0, rtol=1e-8)


def test_w_passes_through_zero():
    z0, h = tf.ones([1, 1]), tf.zeros([1, 1])
    images, slopes = [], []
    for w in (-1e-2, -1e-4, 0.0, 1e-4, 1e-2):
        layer = at(np.array([[w]]), np.array([[0.7]]), np.array([0.5]))
        with tf.GradientTape() as tape:
            z, log_det = layer([z0, h])
        images.append(float(z[0, 0]))
        assert float(log_det[0]) == pytest.approx(0.0, abs=0.01)
        slopes.append(tape.gradient(z, layer.dense.bias).numpy())
    # u_hat = v + O(w), and d z / d v = tanh(b), d z / d b = v / cosh(b)^2 there.
    assert images == pytest.approx([1 + 0.7 * np.tanh(0.5)] * 5, abs=0.01)
    expected = [np.tanh(0.5), 0.7 / np.cosh(0.5) ** 2]
    np.testing.assert_allclose(np.array(slopes)[:, [0, 2]], [expected] * 5, atol=0.02)


def test_defaults_and_configs_of_layers_that_knew_no_other(rng):
    h = rng.normal(size=(5, 2))

    def image(event_size, from_config=None, **kwargs):
        layer = AmortizedPlanar(2, seed=0, dtype="float64", init_scale=1.0, **kwargs)
        config = layer.get_config()
        if from_config is not None:
            layer = AmortizedPlanar.from_config(from_config(config))
        return layer([np.ones([5, event_size]), h])[0]

    def old(config):
        return {name: value for name, value in config.items() if name != "constraint"}

    for event_size, default in ((1, "asinh"), (2, "softplus")):
        expected = image(event_size, constraint=default)
        np.testing.assert_array_equal(image(event_size), expected)
        np.testing.assert_array_equal(image(event_size, dict), expected)
        paper = image(event_size, constraint="softplus")
        np.testing.assert_array_equal(image(event_size, old), paper)
    with pytest.raises(ValueError, match="must be None or one of 'softplus', 'asinh'"):
        AmortizedPlanar(2, constraint="tanh")
