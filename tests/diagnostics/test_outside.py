"""Mass that no sample of the flow shows, and fits that are not to be accused of any."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff
from tfp_flows.diagnostics.verdict import BAD, GOOD

tfd = tfp.distributions


def log_normal(x, loc, scale):
    return tf.reduce_sum(-0.5 * ((x - loc) / scale) ** 2 - np.log(scale), axis=-1)


def normal(size):
    return tfd.MultivariateNormalDiag(tf.zeros(size))


def mixture(size, first, scale, share):
    """Of (1 - share) N(0, I) + share N(first e_1, scale^2 I), up to a constant."""
    loc = first * np.eye(size)[0]

    def log_prob_fn(x):
        parts = [log_normal(x, 0.0, 1.0), log_normal(x, loc.astype(np.float32), scale)]
        shares = np.log([[1.0 - share], [share]]).astype(np.float32)
        return tf.reduce_logsumexp(tf.stack(parts) + shares, axis=0)

    return log_prob_fn


def ring(x):
    distance = tff.numerics.safe_norm(x)
    shell = -0.5 * ((distance - 15.0) / 0.3) ** 2
    return tf.reduce_logsumexp([shell, log_normal(x, 0.0, 1.0)], axis=0)


evaluate = functools.partial(tff.diagnostics.evaluate, num_samples=20_000, seed=1)


@pytest.mark.parametrize(
    ("size", "target", "share", "distance"),
    [
        (2, mixture(2, 20.0, 1.0, 0.99), 0.99, 20.0),
        (10, mixture(10, 20.0, 1.0, 0.3), 0.3, 20.0),
        (2, mixture(2, 0.0, 1e-3, 0.5), 0.5, 0.0),
        (2, ring, 15.0 * 0.3 / (15.0 * 0.3 + 1.0 / np.sqrt(2.0 * np.pi)), 15.0),
    ],
)
def test_hidden_mass_is_found(size, target, share, distance):
    report = evaluate(normal(size), target)
    assert report.verdict == BAD
    assert report.outside.share == pytest.approx(share, rel=0.1)
    assert report.outside.share < share + 4.0 * report.outside.standard_error
    assert abs(np.linalg.norm(report.outside.point) - distance) < 5.0
    # What the samples alone say.
    assert report.gap < 0.01
    assert report.khat < 0.7


@pytest.mark.parametrize(
    ("flow", "target"),
    [
        (normal(10), lambda x: log_normal(x, 0.03, 1.01)),
        (
            tfd.MixtureSameFamily(
                tfd.Categorical(probs=[0.4, 0.6]),
                tfd.MultivariateNormalDiag(
                    [[0.0, 0.0], [6.0, 0.0]], scale_diag=[1.0, 1.0]
                ),
            ),
            mixture(2, 6.0, 1.0, 0.6),
        ),
        # A kink, and an edge.
        (
            tfd.Independent(tfd.Laplace(tf.zeros(2), 1.0), 1),
            lambda x: -tf.reduce_sum(tf.abs(x), axis=-1),
        ),
        (
            tfd.Independent(tfd.Exponential(tf.ones(2)), 1),
            lambda x: tf.where(
                tf.reduce_all(x >= 0.0, axis=-1), -tf.reduce_sum(x, axis=-1), -np.inf
            ),
        ),
    ],
)
def test_right_flows_are_not_accused(flow, target):
    report = evaluate(flow, target)
    assert report.outside.share < 0.002
    assert report.verdict == GOOD


def test_a_target_that_fails_further_out_ends_the_search():
    def target(x):
        tf.debugging.assert_less(tf.abs(x), 12.0, message="Cholesky was not successful")
        return log_normal(x, 0.0, 1.0)

    report = evaluate(normal(2), target)
    assert report.outside.scale == 2.0
    assert "Cholesky was not successful" in str(report)
    assert "widened 2 times, reach" in str(report)


def test_targets_of_numpy_are_searched_without_ascents():
    report = evaluate(normal(2), lambda x: -0.5 * np.sum(np.square(x), axis=-1))
    assert report.verdict == GOOD
    assert report.outside.num_ascents == 0
    assert "for want of a gradient" in str(report)

    def halo(x):
        squares = np.sum(np.square(x), axis=-1)
        return np.logaddexp(-0.5 * squares, -0.5 * squares / 400.0)

    assert evaluate(normal(2), halo).verdict == BAD


def test_a_density_that_grows_outwards_is_not_to_be_trusted():
    evaluation = tff.diagnostics.evaluate(
        normal(2), lambda x: tf.reduce_sum(x**4, axis=-1), num_samples=2_000, seed=0
    )
    assert evaluation.outside.share == 1.0
    assert evaluation.verdict == BAD
    assert "is the sign of the density right?" in str(evaluation)
