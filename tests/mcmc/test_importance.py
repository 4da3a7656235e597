"""Weighted samples of a flow, and draws by their weights."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff

tfd = tfp.distributions
FLOW = tfd.MultivariateNormalDiag([0.0, 0.0], [1.5, 1.0])
TARGET = tfd.MultivariateNormalDiag([0.0, 0.0])


def test_many_samples_are_drawn_and_weighed_some_at_a_time(monkeypatch):
    monkeypatch.setattr("tfp_flows.numerics.MOST_POINTS", 1_000)
    monkeypatch.setattr("tfp_flows.numerics.FEW_POINTS", 300)
    sizes = []

    def log_prob(x):
        sizes.append(x.shape[0])
        return TARGET.log_prob(x)

    first, many = (
        tff.mcmc.importance_sample(FLOW, log_prob, num_samples=n, seed=0)
        for n in (1_000, 2_500)
    )
    assert max(sizes) == 300
    assert many.samples.shape == (2_500, 2)
    np.testing.assert_array_equal(many.samples[:1_000], first.samples)
    assert len(np.unique(many.samples, axis=0)) == 2_500
    weights = np.exp(many.log_weights)
    assert np.sum(weights) == pytest.approx(1.0)
    np.testing.assert_allclose(weights @ many.samples**2, 1.0, atol=0.1)
    ratio = TARGET.log_prob(many.samples) - FLOW.log_prob(many.samples)
    order = np.argsort(ratio)[:2_000]  # the largest weights are smoothed
    shift = many.log_weights[order] - ratio.numpy()[order]
    np.testing.assert_allclose(shift, shift[0], atol=1e-4)


def test_draws_by_weight_have_the_errors_of_pool_and_draw():
    """By the means of 300 independent dimensions, whose variance is 1 / ESS."""
    flow = tfd.MultivariateNormalDiag(tf.zeros(300))
    draws = tff.mcmc.importance_resample(flow, flow, 100, num_proposals=100, seed=0)
    assert draws.pool_ess == pytest.approx(100.0, rel=1e-3)
    assert draws.ess == pytest.approx(50.0, rel=1e-3)
    means = np.mean(draws.samples, axis=0)
    assert np.var(means) == pytest.approx(1.0 / draws.ess, rel=0.3)
