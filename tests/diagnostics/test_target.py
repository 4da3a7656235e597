"""Densities in bounded memory, and in the precision that they need."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff
from tfp_flows.diagnostics import target as target_module
from tfp_flows.diagnostics.verdict import GOOD, UNDECIDED

FLOW = tfp.distributions.MultivariateNormalDiag([0.0, 0.0])


def test_points_per_call_are_bounded_by_memory(monkeypatch):
    monkeypatch.setattr(target_module, "_MOST_BYTES", 400_000)
    sizes = []

    def log_prob_fn(x):
        sizes.append(x.shape[0])
        residuals = x[:, tf.newaxis, :1] - tf.zeros([1_000, 1])
        return -0.5 * tf.reduce_mean(residuals**2, axis=[1, 2]) - 0.5 * x[:, 1] ** 2

    report = tff.diagnostics.evaluate(FLOW, log_prob_fn, num_samples=4_000, seed=1)
    assert max(sizes) == 100
    assert report.verdict == GOOD


@pytest.mark.parametrize(
    ("offset", "verdict"), [(1e8, GOOD), (tf.constant(1e8), UNDECIDED)]
)
def test_large_log_densities(offset, verdict):
    """A float goes along with points of float64, a float32 constant does not."""
    report = tff.diagnostics.evaluate(
        FLOW,
        lambda x: offset - 0.5 * tf.reduce_sum(x**2, axis=-1),
        num_samples=10_000,
        seed=1,
    )
    assert report.verdict == verdict
    if verdict == GOOD:
        assert report.elbo - 1e8 == pytest.approx(np.log(2.0 * np.pi), abs=1e-4)
    else:
        assert "rounded by up to 12 nats" in report.reasons[0]
