"""What can be done with a fitted posterior."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff
from tfp_flows.posteriors.model import as_model
from tfp_flows.posteriors.posterior import Posterior

tfb, tfd = tfp.bijectors, tfp.distributions

DATA = np.array([0.4, 1.4, 1.2], np.float32)
# With a standard normal prior and normal data of variance 1.
MEAN, SD = float(np.sum(DATA)) / 4.0, 0.5


@tfd.JointDistributionCoroutineAutoBatched
def conjugate():
    mu = yield tfd.Normal(0.0, 1.0, name="mu")
    tau = yield tfd.LogNormal(0.0, 0.1, name="tau")
    yield tfd.Sample(tfd.Normal(mu, 1.0), 3, name="y")
    yield tfd.Normal(tau, 1e4, name="z")


def posterior_of(scale):
    """With a flow whose standard deviation of mu is so many times the right one."""
    model = as_model(conjugate, dict(y=DATA, z=0.0), bijector=[tfb.Identity(), tfb.Exp()])
    flow = tfd.MultivariateNormalDiag([MEAN, 0.0], [scale * SD, 0.1])
    evaluation = tff.diagnostics.evaluate(flow, model.log_prob_fn, seed=0)
    return Posterior(model, flow, evaluation)


@pytest.fixture(scope="module")
def exact():
    return posterior_of(1.0)


@pytest.fixture(scope="module")
def wide():
    return posterior_of(2.0)


def test_an_exact_flow(exact):
    assert exact.verdict == "good"
    table = exact.summary(20_000, weighting="none")
    assert list(table.index) == ["mu", "tau"]
    row = table.loc["mu"]
    assert abs(row["mean"] - MEAN) < 4.0 * row["mcse_mean"] < 0.1
    assert abs(row["sd"] - SD) < 4.0 * row["mcse_sd"] < 0.1
    expected = tfd.Normal(MEAN, SD).quantile([0.05, 0.5, 0.95])
    np.testing.assert_allclose(
        row[["5%", "50%", "95%"]].astype(float), expected, atol=0.03
    )


def test_log_prob_has_the_jacobian(exact):
    points = exact.sample(5, seed=0)
    expected = tfd.Normal(MEAN, SD).log_prob(points.mu)
    expected += tfd.LogNormal(0.0, 0.1).log_prob(points.tau)
    moved = tf.nest.map_structure(lambda part: tf.constant(part.numpy()), points)
    np.testing.assert_allclose(exact.log_prob(moved), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("weighting", ["psis", "resample"])
def test_weights_mend_a_flow_that_is_too_wide(wide, weighting):
    draws = wide.draws(20_000, weighting=weighting, seed=0)
    weights = np.exp(draws.log_weights)
    mean = weights @ draws.values.mu
    assert np.sum(weights) == pytest.approx(1.0)
    assert mean == pytest.approx(MEAN, abs=0.02)
    assert weights @ (draws.values.mu - mean) ** 2 == pytest.approx(SD**2, rel=0.05)
    assert draws.khat < 0.7
    raw = wide.draws(20_000, weighting="none", seed=0)
    assert np.std(raw.values.mu) == pytest.approx(2.0 * SD, rel=0.05)


def test_the_verdict_chooses_the_weighting(exact, wide):
    raw = exact.draws(200, seed=0)
    assert raw.khat is None
    assert str(raw) == "200 draws of equal weight: mu [200], tau [200]"
    assert wide.verdict != "good"
    weighted = wide.draws(200, weighting="psis", seed=0)
    assert f"200 draws to be weighted, k-hat {weighted.khat:.2f}: " in str(weighted)
    assert wide.draws(200, seed=0).khat is not None


def test_arviz_has_what_it_compares_models_by(exact):
    data = exact.to_arviz(50, seed=0)
    assert set(data.groups()) >= {
        "posterior",
        "sample_stats",
        "observed_data",
        "log_likelihood",
        "posterior_predictive",
    }
    mu = data.posterior["mu"].values[0]
    expected = tfd.Normal(mu[:, np.newaxis], 1.0).log_prob(DATA)
    np.testing.assert_allclose(data.log_likelihood["y"].values[0], expected, rtol=1e-4)
    replicated = data.posterior_predictive["y"].values[0]
    assert replicated.shape == (50, 3)
    residual = replicated - mu[:, np.newaxis]
    assert abs(np.mean(residual)) < 0.3
    assert abs(np.std(residual) - 1.0) < 0.3
    assert data.posterior.attrs["verdict"] == "good"


def test_a_posterior_is_the_prior_of_the_next_model(exact):
    following = tfd.JointDistributionNamed(
        dict(before=exact.distribution, y=lambda before: tfd.Normal(before.mu, 1.0))
    )
    model = as_model(following, dict(y=0.5))
    assert model.event_size == 2
    assert model.names == ("before/mu", "before/tau")
    z = np.zeros([1, 2], np.float32)
    points = tf.nest.map_structure(tf.identity, model.constrain(z))
    mu, tau = points["before"]
    expected = exact.log_prob(points["before"])
    expected += tfd.Normal(mu, 1.0).log_prob(0.5)
    expected += model.bijector.forward_log_det_jacobian(tf.constant(z), event_ndims=1)
    np.testing.assert_allclose(model.log_prob_fn(z), expected, rtol=1e-4)
    assert np.all(tau > 0.0)


def test_bad_arguments(exact):
    with pytest.raises(ValueError, match="`weighting` must be one of 'auto'"):
        exact.draws(10, weighting="best")
    with pytest.raises(ValueError, match="`n` must be an integer of at least 1"):
        exact.draws(0)
