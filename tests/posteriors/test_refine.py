"""Draws by as much sampling as a fit needs."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff
from tfp_flows.density import as_density
from tfp_flows.posteriors.model import as_model
from tfp_flows.posteriors.posterior import Posterior
from tfp_flows.posteriors.refit import misses_mass, refit

tfb, tfd = tfp.bijectors, tfp.distributions
SD = np.array([0.5, 2.0], np.float32)


def refine(scale, **options):
    """From a normal flow of so many times the right standard deviation."""
    flow = tfd.MultivariateNormalDiag(np.zeros(2, np.float32), scale * SD)
    target = tfd.MultivariateNormalDiag(np.zeros(2, np.float32), SD).log_prob
    evaluation = tff.diagnostics.evaluate(flow, target, num_samples=10_000, seed=0)
    options |= dict(evaluation=evaluation, jit_compile=False, seed=0)
    return tff.posteriors.refine(flow, target, 1_000, **options)


@pytest.mark.parametrize(
    ("scale", "method"),
    [
        (1.0, "flow"),
        (1.5, "psis"),
        pytest.param(0.5, "neutra", marks=pytest.mark.slow),
    ],
)
def test_the_method_is_that_of_the_verdict(scale, method):
    found = refine(scale, num_refit_steps=100)
    assert found.method == method
    assert (found.refit_evaluation is None) == (method != "neutra")
    assert found.converged
    # Draws by weight repeat themselves; their pool has an ESS of twice as many or more.
    assert found.ess >= (600 if method == "psis" else 1_000)
    assert (found.khat is None) == (method != "psis")
    assert found.samples.shape == (1_000, 2)
    np.testing.assert_allclose(np.std(found.samples, axis=0), SD, rtol=0.1)
    assert (found.chains is None) == (method != "neutra")
    if found.chains is not None:
        assert np.all(found.chains.rhat < 1.01)
        assert found.refit_evaluation.elbo > found.evaluation.elbo
        assert found.chains.settings["sampler"] == "neutra"
        assert "of a richer one, fitted here: " in str(found)
    assert f"by {method}, converged" in str(found)


def test_what_did_not_get_there_says_so():
    with pytest.warns(RuntimeWarning, match="did not converge.*where 1000000 was"):
        found = refine(0.5, ess=1e6, max_rounds=1, num_refit_steps=0)
    assert not found.converged
    assert "NOT CONVERGED" in str(found)


def test_chains_of_a_flow_that_misses_nothing():
    flow = tfd.MultivariateNormalDiag([0.1, 0.0], [1.0, 1.0])
    target = tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0]).log_prob
    evaluation = tff.diagnostics.evaluate(flow, target, num_samples=300, seed=0)
    assert (evaluation.verdict, evaluation.outside.share) == ("undecided", 0.0)
    options = dict(evaluation=evaluation, jit_compile=False, ess=50.0, max_rounds=1)
    found = tff.posteriors.refine(flow, target, 100, **options, seed=0)
    assert found.converged
    assert found.method == "neutra"


def test_weights_that_turn_out_heavy_are_not_relied_on():
    narrow = tfd.MultivariateNormalDiag([0.0, 0.0], 0.3 * SD)
    target = tfd.MultivariateNormalDiag([0.0, 0.0], SD)
    wide = tfd.MultivariateNormalDiag([0.0, 0.0], 1.5 * SD)
    usable = tff.diagnostics.evaluate(wide, target, num_samples=10_000, seed=0)
    with pytest.warns(RuntimeWarning, match=r"Pareto k-hat of [0-9.]+, above 0\.7"):
        found = tff.posteriors.refine(narrow, target, 500, evaluation=usable, seed=0)
    assert found.method == "psis"
    assert not found.converged
    assert found.khat > 0.7


def test_a_fit_that_fails_leaves_the_given_flow():
    def log_prob(x):
        return tf.where(x[..., 0] > 1.0, -np.inf, -tf.reduce_sum(x**2, -1))

    flow = tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0])
    evaluation = tff.diagnostics.evaluate(flow, log_prob, num_samples=1_000, seed=0)
    seed = tf.constant([0, 0])
    with pytest.warns(RuntimeWarning, match="No richer flow could be fitted"):
        assert (
            refit(
                flow,
                as_density(log_prob),
                evaluation,
                num_steps=100,
                jit_compile=False,
                seed=seed,
            )
            is None
        )


def test_a_mode_that_is_lost_is_missed():
    """By reverse KL one of two modes is near at hand, however good its ELBO."""
    modes = tfd.MultivariateNormalDiag([[-4.0, 0.0], [4.0, 0.0]], [0.7, 0.7])
    target = tfd.MixtureSameFamily(tfd.Categorical(probs=[0.5, 0.5]), modes)
    both, one = (
        tff.diagnostics.evaluate(flow, lambda x: target.log_prob(x), seed=0)
        for flow in (
            tfd.MultivariateNormalDiag([0.0, 0.0], [5.0, 2.0]),
            tfd.MultivariateNormalDiag([4.0, 0.0], [0.7, 0.7]),
        )
    )
    assert one.elbo > both.elbo
    assert misses_mass(one, both)
    assert not misses_mass(both, one)


def test_bad_numbers():
    with pytest.raises(ValueError, match="max_rounds"):
        refine(1.0, max_rounds=0)


@pytest.mark.parametrize(("scale", "method"), [(0.5, "flow"), (0.75, "psis")])
def test_draws_of_a_posterior_are_in_the_space_of_the_model(scale, method):
    model = as_model(
        lambda x: tfd.LogNormal(1.0, 0.5).log_prob(x["a"]),
        {},
        event_shape=dict(a=[]),
        bijector=dict(a=tfb.Exp()),
    )
    flow = tfd.MultivariateNormalDiag([1.0], [scale])
    evaluation = tff.diagnostics.evaluate(
        flow, model.log_prob_fn, num_samples=10_000, seed=0
    )
    posterior = Posterior(model, flow, evaluation)
    draws = posterior.refine(2_000, seed=0)
    assert draws.refinement.method == method
    assert draws.khat == draws.refinement.khat
    assert (draws.khat is None) == (method == "flow")
    assert abs(np.mean(np.log(draws.values["a"])) - 1.0) < 0.05
    table = posterior.summary(draws=draws)
    assert table.loc["a", "mean"] == pytest.approx(np.mean(draws.values["a"]), rel=1e-5)
    assert posterior.to_arviz(draws=draws).posterior["a"].shape == (1, 2_000)


def test_an_evaluation_is_one():
    flow = tff.planar_flow(2, 1, seed=0)
    target = tff.targets.get("example3")
    with pytest.raises(TypeError, match=r"`evaluation` must be .* got \[1\]"):
        tff.posteriors.refine(flow, target, evaluation=[1], seed=0)


def test_chains_that_do_not_meet_those_in_a_missed_mode_have_not_converged():
    def two_modes(x):
        return tf.reduce_logsumexp(-0.5 * (x - [8.0, -8.0]) ** 2, axis=-1)

    base = tfd.MultivariateNormalDiag(tf.zeros([1]), tf.ones([1]))
    flow = tfd.TransformedDistribution(base, tfp.bijectors.Shift([8.0]))
    with pytest.warns(RuntimeWarning, match=r"misses \d\d% of the evidence, around \[-"):
        refined = tff.posteriors.refine(
            flow, two_modes, 100, max_rounds=1, jit_compile=False, seed=0
        )
    assert not refined.converged
    assert refined.chains.rhat[0] > 1.1
    assert np.min(refined.chains.samples) < -6.0
