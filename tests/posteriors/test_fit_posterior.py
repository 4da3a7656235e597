"""Posteriors in one call."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff

tfb, tfd = tfp.bijectors, tfp.distributions


@pytest.fixture(scope="module")
def regression():
    """A linear regression with known noise in natural units, and its exact posterior."""
    rng = np.random.default_rng(0)
    x = np.stack([np.ones(40), rng.normal(300.0, 20.0, size=40)], axis=1)
    y = x @ [-8e4, 300.0] + rng.normal(size=40) * 50.0
    prior_precision = np.diag([1e-12, 1e-8])
    precision = x.T @ x / 50.0**2 + prior_precision
    mean = np.linalg.solve(precision, x.T @ y / 50.0**2)
    sd = np.sqrt(np.diag(np.linalg.inv(precision)))

    @tfd.JointDistributionCoroutineAutoBatched
    def joint():
        scale = tf.constant([1e6, 1e4], tf.float64)
        b = yield tfd.MultivariateNormalDiag(tf.zeros(2, tf.float64), scale, name="b")
        yield tfd.Normal(tf.linalg.matvec(x, b), tf.constant(50.0, tf.float64), name="y")

    return joint, y, mean, sd


def test_a_gaussian_posterior_needs_no_flow(regression):
    joint, y, mean, sd = regression
    posterior = tff.fit_posterior(joint, y=y, seed=0, progress_bar=False)
    assert posterior.fit is None
    assert posterior.verdict == "good"
    table = posterior.summary(weighting="none")
    np.testing.assert_array_less(np.abs(table["mean"] - mean), 0.1 * sd)
    np.testing.assert_allclose(table["sd"], sd, rtol=0.05)


def fit_with_loop(**arguments):
    """A posterior with a loop whose gradient XLA does not know."""

    def log_prob_fn(x):
        _, a = tf.while_loop(
            lambda i, _: i < 5, lambda i, a: (i + 1, a + 0.1 * tf.tanh(a)), (0, x["a"])
        )
        return -tf.square(a) - tf.square(x["b"])

    return tff.fit_posterior(
        log_prob_fn,
        event_shape=dict(a=[], b=[]),
        num_layers=1,
        num_steps=1_000,
        sample_size=8,
        num_evaluation_samples=1_000,
        progress_bar=False,
        seed=0,
        **arguments,
    )


@pytest.mark.slow
def test_what_xla_cannot_compile_is_fitted_without_it():
    with pytest.warns(RuntimeWarning, match=r"fitted without XLA.*jit_compile=False"):
        posterior = fit_with_loop()
    assert posterior.fit.settings["jit_compile"] is False
    assert not posterior.model.can_compile
    with pytest.raises(RuntimeError, match="XLA could not compile"):
        fit_with_loop(jit_compile=True)


def banana(x):
    first = tfd.Normal(0.0, 2.0).log_prob(x["a"])
    return first + tfd.Normal(0.25 * x["a"] ** 2, 1.0).log_prob(x["b"])


def fit_banana(**arguments):
    return tff.fit_posterior(
        banana,
        event_shape=dict(a=[], b=[]),
        num_layers=4,
        num_steps=60,
        sample_size=64,
        num_evaluation_samples=1_000,
        progress_bar=False,
        **arguments,
    )


def test_a_flow_starts_from_the_gaussian_and_improves_it():
    posterior = fit_banana(seed=0, family="planar")
    again = fit_banana(seed=0, family="planar")
    assert posterior.fit.loss.shape == (60,)
    start = np.mean(posterior.fit.loss[:5])
    assert np.mean(posterior.fit.loss[-5:]) < start < 2.0
    assert posterior.evaluation.elbo == again.evaluation.elbo
    points = posterior.sample(3, seed=1)
    assert set(points) == {"a", "b"}
    assert points["a"].shape == (3,)


@pytest.mark.parametrize(
    ("verdicts", "num_fits", "outside"),
    [
        (["good"], 1, 0.0),
        (["do not trust", "usable with importance weights"], 2, 0.0),
        # Of five times as many samples, too.
        pytest.param(["undecided", "good"], 1, 0.0, marks=pytest.mark.slow),
        (["undecided", "undecided", "good"], 2, 0.4),
    ],
)
def test_a_fit_that_falls_short_goes_on(
    outside, verdicts, num_fits, monkeypatch, tmp_path
):
    # A Gaussian is too far from the banana to be judged.
    fits, judged = [], iter(verdicts)
    evaluate = tff.diagnostics.evaluate

    def evaluate_as(*args, **kwargs):
        evaluation = evaluate(*args, **kwargs)
        monkeypatch.setattr(type(evaluation), "verdict", next(judged))
        seen = dataclasses.replace(evaluation.outside, share=outside)
        return dataclasses.replace(evaluation, outside=seen)

    def record(layers, target, **arguments):
        assert target(layers.sample(3, seed=0)).shape == [3]
        fits.append(arguments)

    monkeypatch.setattr(tff.diagnostics, "evaluate", evaluate_as)
    monkeypatch.setattr(tff.vi, "fit_reverse_kl", record)
    tff.fit_posterior(
        banana,
        event_shape=dict(a=[], b=[]),
        num_evaluation_samples=200,
        checkpoint_dir=tmp_path,
        seed=0,
    )
    assert list(judged) == []
    assert len(fits) == num_fits
    assert (fits[0]["num_steps"], fits[0]["sample_size"]) == (1_400, 512)
    assert fits[0]["checkpoint_dir"] == tmp_path
    assert fits[0]["jit_compile"] is None
    for further in fits[1:]:
        assert further["num_steps"] == (6_000 if outside else 1_500)
        assert (further["annealing_fn"] is None) == (outside == 0.0)
        assert further["checkpoint_dir"] == tmp_path / "further"
        assert np.any(further["seed"] != fits[0]["seed"])


def test_what_is_not_to_be_compiled_is_not_in_refine(monkeypatch):
    told = []

    def refine(*args, jit_compile, **options):
        told.append(jit_compile)
        raise InterruptedError

    monkeypatch.setattr("tfp_flows.posteriors.posterior.refine", refine)
    for jit_compile in (None, False):
        posterior = tff.fit_posterior(
            lambda x: -tf.square(x), event_shape=[], jit_compile=jit_compile, seed=0
        )
        with pytest.raises(InterruptedError):
            posterior.refine(seed=0)
    assert told == [True, False]


@pytest.mark.parametrize(
    ("moves", "kept"),
    [([0.0, 2.0], 0), pytest.param([2.0, -2.0], 1, marks=pytest.mark.slow)],
)
def test_the_better_of_two_fits_is_kept(moves, kept, monkeypatch):
    made = []

    def fit(layers, target, **arguments):
        move = moves[len(made)]
        for variable in layers.trainable_variables:
            variable.assign_add(tf.fill(variable.shape, move))
        made.append([variable.numpy() for variable in layers.trainable_variables])
        return move

    monkeypatch.setattr(tff.vi, "fit_reverse_kl", fit)
    posterior = tff.fit_posterior(
        banana, event_shape=dict(a=[], b=[]), num_evaluation_samples=200, seed=0
    )
    assert len(made) == 2
    assert posterior.fit == moves[kept]
    for variable, value in zip(
        posterior.flow.trainable_variables, made[kept], strict=True
    ):
        np.testing.assert_array_equal(variable, value)
    judged = tff.diagnostics.evaluate(
        posterior.flow, posterior.model.log_prob_fn, num_samples=1_000, seed=0
    )
    assert abs(judged.elbo - posterior.evaluation.elbo) < 0.5


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(family="spline"), ValueError, "`family` must be one of 'planar'"),
        (dict(num_layers=0), ValueError, "`num_layers` must be an integer"),
        (dict(num_steps=0), ValueError, "`num_steps` must be an integer"),
        (dict(num_evaluation_samples=1.5), ValueError, "`num_evaluation_samples`"),
        (dict(jit_compile="no"), TypeError, "`jit_compile`"),
        (dict(checkpoint_dir="state"), ValueError, "`checkpoint_dir` needs a `seed`"),
    ],
)
def test_bad_arguments_come_before_the_start(arguments, error, message, monkeypatch):
    monkeypatch.setattr(tff.vi, "gaussian_start", None)
    with pytest.raises(error, match=message):
        tff.fit_posterior(banana, event_shape=dict(a=[], b=[]), **arguments)


def test_a_density_that_is_nowhere_positive():
    def nowhere(x):
        return tf.fill(tf.shape(x)[:-1], tf.constant(-np.inf))

    with pytest.raises(ValueError, match="The log density is infinite or NaN at all"):
        tff.fit_posterior(nowhere, event_shape=2, seed=0)


@pytest.mark.parametrize(
    ("pins", "names"),
    [(dict(tau=1.0, y=0.0, n=-1.0), "n"), (dict(tau=-1.0, y=0.0, n=1.0), "tau, y")],
)
def test_pins_outside_of_the_support_are_named(pins, names):
    joint = tfd.JointDistributionNamed(
        dict(
            mu=tfd.Normal(0.0, 1.0),
            tau=tfd.HalfNormal(1.0),
            y=lambda mu, tau: tfd.Normal(mu, tau),
            n=lambda mu: tfd.Poisson(log_rate=mu),
        )
    )
    with pytest.raises(ValueError, match=f"log density of {names} is infinite or NaN"):
        tff.fit_posterior(joint, seed=0, **pins)
