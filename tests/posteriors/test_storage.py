"""Posteriors in files."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff
from tfp_flows.files import InvalidFileError
from tfp_flows.posteriors.model import as_model
from tfp_flows.posteriors.posterior import Posterior

tfb, tfd = tfp.bijectors, tfp.distributions

DATA = np.array([0.4, 1.4, 1.2], np.float32)


@tfd.JointDistributionCoroutine
def model_fn():
    mu = yield tfd.JointDistributionCoroutine.Root(
        tfd.Sample(tfd.Normal(0.0, 1.0), 2, name="mu")
    )
    yield tfd.Independent(tfd.Normal(mu[..., :1] + tf.zeros(3), 1.0), 1, name="y")


def flow_on_top():
    layers = tff.planar_flow(2, 3, seed=0)
    around = tff.bijectors.chain(
        [
            layers.bijector,
            tfb.ScaleMatvecTriL([[0.5, 0.0], [0.1, 1.0]]),
            tfb.Shift([0.7, 0]),
        ]
    )
    return tfd.TransformedDistribution(layers.distribution, around)


@pytest.fixture(scope="module", params=["gaussian", "flow"])
def posterior(request):
    gaussian = tfd.MultivariateNormalTriL([0.75, 0.0], [[0.5, 0.0], [0.0, 1.0]])
    flow = gaussian if request.param == "gaussian" else flow_on_top()
    model = as_model(model_fn, dict(y=DATA))
    evaluation = tff.diagnostics.evaluate(
        flow, model.log_prob_fn, num_samples=1_000, seed=0
    )
    return Posterior(model, flow, evaluation)


def test_a_file_gives_the_same_posterior(posterior, tmp_path):
    tff.posteriors.save(posterior, tmp_path)
    loaded = tff.posteriors.load(tmp_path, model_fn, y=DATA)
    expected, found = (p.sample(10, seed=1).mu for p in (posterior, loaded))
    np.testing.assert_array_equal(found, expected)
    assert loaded.verdict == posterior.verdict
    assert str(loaded) == str(posterior)


@pytest.mark.parametrize("posterior", ["gaussian"], indirect=True)
def test_a_gaussian_leaves_no_flow_of_an_earlier_posterior(posterior, tmp_path):
    earlier = Posterior(posterior.model, flow_on_top(), posterior.evaluation)
    tff.posteriors.save(earlier, tmp_path)
    tff.posteriors.save(posterior, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["posterior.npz"]
    loaded = tff.posteriors.load(tmp_path, model_fn, y=DATA)
    np.testing.assert_array_equal(loaded.flow.loc, posterior.flow.loc)


@pytest.mark.parametrize("posterior", ["gaussian"], indirect=True)
def test_draws_are_no_posterior(posterior, tmp_path):
    draws = posterior.draws(5, weighting="none", seed=0)
    with pytest.raises(TypeError, match=r"tff\.fit_posterior returns, but got Draws"):
        tff.posteriors.save(draws, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_is_not_made(tmp_path):
    with pytest.raises(FileNotFoundError):
        tff.posteriors.load(tmp_path / "mistyped", model_fn, y=DATA)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("posterior", ["flow"], indirect=True)
def test_two_files_of_one_posterior(posterior, tmp_path):
    tff.posteriors.save(posterior, tmp_path)
    tff.distributions.save(tff.planar_flow(2, 3, seed=1), tmp_path / "flow.npz")
    with pytest.raises(InvalidFileError, match=r"flow\.npz is not that of .*cut short"):
        tff.posteriors.load(tmp_path, model_fn, y=DATA)
    # Files of earlier versions do not tell.
    with np.load(tmp_path / "posterior.npz") as stored:
        arrays = {name: stored[name] for name in stored if name != "flow_log_prob"}
    np.savez(tmp_path / "posterior.npz", **arrays)
    assert tff.posteriors.load(tmp_path, model_fn, y=DATA).flow.event_shape == [2]


def test_other_models_and_damage(posterior, tmp_path):
    tff.posteriors.save(posterior, tmp_path)
    with pytest.raises(ValueError, match="log density of the model is not that"):
        tff.posteriors.load(tmp_path, model_fn, y=DATA + 1.0)
    other = tfd.JointDistributionNamed(
        dict(nu=tfd.Normal(0.0, 1.0), y=lambda nu: tfd.Normal(nu, 1.0))
    )
    with pytest.raises(ValueError, match=r"is of mu of shapes .* but the model has nu"):
        tff.posteriors.load(tmp_path, other, y=0.0)
    (tmp_path / "posterior.npz").write_bytes(b"PK")
    with pytest.raises(InvalidFileError, match="not a saved posterior"):
        tff.posteriors.load(tmp_path, model_fn, y=DATA)
