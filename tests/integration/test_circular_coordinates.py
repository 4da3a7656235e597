"""The recipe of the FAQ for angles: a flow that ends in TFP's bijectors."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff

tfb, tfd = tfp.bijectors, tfp.distributions


@pytest.mark.slow
def test_an_angle_and_a_number_that_goes_with_it():
    # Concentrated around 3, so that its mass reaches across the cut at pi.
    angles = tfd.VonMises(3.0, 2.0)

    def log_prob(x):
        return angles.log_prob(x[..., 0]) - 0.5 * (x[..., 1] - tf.sin(x[..., 0])) ** 2

    turn = tfb.Blockwise([tfb.Sigmoid(-math.pi, math.pi), tfb.Identity()], [1, 1])
    flow = tfd.TransformedDistribution(
        tff.planar_flow(2, 6, seed=0), tfb.Chain([tfb.Shift([3.0, 0.0]), turn])
    )
    tff.vi.fit_reverse_kl(
        flow, log_prob, num_steps=800, sample_size=128, seed=1, progress_bar=False
    )
    report = tff.diagnostics.evaluate(flow, log_prob, keep_samples=True, seed=2)
    log_z = 0.5 * math.log(2.0 * math.pi)
    assert abs(report.log_evidence - log_z) < 5 * report.log_evidence_standard_error
    assert log_z - report.elbo < 0.01
    direction = np.mean(np.exp(1j * report.samples[:, 0]))
    length = tf.math.bessel_i1(2.0) / tf.math.bessel_i0(2.0)
    assert abs(direction - length.numpy() * np.exp(3j)) < 0.01
