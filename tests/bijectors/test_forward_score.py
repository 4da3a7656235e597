"""Scores carried forward: the gradient of the log density of the image."""

import numpy as np
import pytest
import registry
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors

tfd = tfp.distributions


def base_score(z):
    """Of a standard normal."""
    return -z


def score_through_the_inverse(bijector, y):
    """By automatic differentiation of the density, with the exact inverse."""
    event_size = y.shape[-1]
    base = tfd.MultivariateNormalDiag(tf.zeros(event_size, y.dtype))
    flow = tfd.TransformedDistribution(base, bijector)
    y = tf.identity(y)
    return tfp.math.value_and_gradient(flow.log_prob, y)[1]


@registry.at_each_size(registry.ENTRIES)
def test_equals_autodiff_through_the_inverse(entry, event_size, rng):
    _, bijector = entry.make(rng, 3.0, event_size=event_size)
    z = tf.constant(rng.normal(size=(20, event_size)))
    actual = bijector.forward_score(z, base_score(z))
    expected = score_through_the_inverse(bijector, bijector.forward(z))
    size = np.maximum(1.0, np.abs(expected))
    # Where a layer contracts by 1 / q, the score grows by q, and with it the rounding.
    assert np.max(np.abs(actual - expected) / size) <= 1e-10 * 3.0**4


@pytest.mark.parametrize("entry", registry.one_per_class(), ids=lambda entry: entry.name)
def test_batches(entry, rng):
    _, bijector = entry.make(rng, batch_shape=(4, 1), event_size=2)
    z = tf.constant(rng.normal(size=(5, 4, 3, 2)))
    actual = bijector.forward_score(z, base_score(z))
    expected = score_through_the_inverse(bijector, bijector.forward(z))
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9)


def test_center_of_a_radial_layer():
    layer = bijectors.Radial(np.array([0.5, -1.0]), np.float64(1.0), np.float64(2.0))
    score = layer.forward_score(np.array([[0.5, -1.0]]), np.array([[1.0, 2.0]]))
    # There, J = (p / alpha) I.
    expected = np.array([[1.0, 2.0]]) / np.logaddexp(0.0, 2.0)
    np.testing.assert_allclose(score, expected, rtol=1e-12)
