import json
import types
import warnings

import arviz
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.mcmc import random_walk_metropolis

tfd = tfp.distributions

COVARIANCE = np.array([[1.0, 0.8], [0.8, 1.5]])
MEAN = np.array([0.5, -1.0])


def gaussian(dtype=np.float32):
    return tfd.MultivariateNormalTriL(
        MEAN.astype(dtype), np.linalg.cholesky(COVARIANCE).astype(dtype)
    )


def standard_normal(x):
    return -0.5 * tf.reduce_sum(tf.square(x), axis=-1)


def box(x):
    """Uniform on the square |x| < 1."""
    is_inside = tf.reduce_all(tf.abs(x) < 1.0, axis=-1)
    return tf.where(is_inside, 0.0, -np.inf)


def run(target, **kwargs):
    defaults = dict(num_chains=8, num_samples=20, num_burnin=20, seed=0)
    return random_walk_metropolis(target, **(defaults | kwargs))


def z_score(values, truth):
    """Deviation of the mean of `[num_samples, num_chains]` in standard errors."""
    ess = float(arviz.ess(values.T))
    return (values.mean() - truth) / (values.std() / np.sqrt(ess))


def assert_gaussian_moments(samples):
    x = samples.astype(np.float64) - MEAN
    for i in range(2):
        assert abs(z_score(x[..., i], 0.0)) < 4.5
        for j in range(i + 1):
            assert abs(z_score(x[..., i] * x[..., j], COVARIANCE[i, j])) < 4.5


def test_moments_of_a_correlated_gaussian():
    chains = run(gaussian(), num_chains=64, num_samples=2000, num_burnin=500)
    assert chains.samples.shape == (2000, 64, 2)
    assert chains.samples.dtype == np.float32
    assert_gaussian_moments(chains.samples)
    assert np.all(chains.rhat < 1.02)
    assert np.all(chains.ess > 3000)


def test_moments_under_xla():
    chains = run(
        gaussian(), num_chains=64, num_samples=1000, num_burnin=300, jit_compile=True
    )
    assert_gaussian_moments(chains.samples)
    assert 0.3 < chains.acceptance_rate < 0.4


@pytest.mark.parametrize(
    ("event_size", "initial_scale"), [(1, 1e-3), (2, 1e3), (10, 1e-3)]
)
def test_burnin_finds_the_best_scale(event_size, initial_scale):
    chains = run(
        standard_normal,
        num_chains=50,
        num_samples=200,
        num_burnin=500,
        event_size=event_size,
        initial_scale=initial_scale,
    )
    assert 0.2 < chains.acceptance_rate < 0.47
    assert chains.proposal_scale == pytest.approx(2.4 / event_size**0.5, rel=0.1)
    expected = {1: 0.44, 2: 0.35, 10: 0.26}[event_size]
    assert chains.settings["target_acceptance"] == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize("initial_scale", [1e-3, 1e3])
def test_burnin_of_a_single_chain(initial_scale):
    chains = run(
        standard_normal,
        num_chains=1,
        num_samples=2000,
        num_burnin=1000,
        event_size=2,
        initial_scale=initial_scale,
    )
    assert chains.samples.shape == (2000, 1, 2)
    assert 0.25 < chains.acceptance_rate < 0.45
    assert np.all(chains.rhat < 1.1)


def test_acceptance_rate_is_that_of_the_sampling_phase():
    chains = run(
        standard_normal,
        num_chains=20,
        num_samples=500,
        num_burnin=500,
        event_size=1,
        initial_scale=1e6,
    )
    # On a standard normal in one dimension.
    expected = 2.0 / np.pi * np.arctan(2.0 / chains.proposal_scale)
    assert chains.acceptance_rate == pytest.approx(expected, abs=0.02)
    has_moved = np.any(np.diff(chains.samples, axis=0) != 0.0, axis=-1)
    np.testing.assert_allclose(
        chains.acceptance_rate_per_chain, has_moved.mean(axis=0), atol=2 / 500
    )


def test_without_burnin_the_scale_stays():
    start = np.zeros([8, 2], np.float32)
    chains = run(standard_normal, num_burnin=0, initial_scale=1e-4, initial_state=start)
    assert chains.proposal_scale == pytest.approx(1e-4)
    # The first sample is one transition from the start.
    assert 0.0 < np.max(np.abs(chains.samples[0])) < 1e-3


def test_seeds():
    first = run(gaussian(), seed=3)
    np.testing.assert_array_equal(first.samples, run(gaussian(), seed=3).samples)
    as_tensor = tf.constant(first.settings["seed"])
    np.testing.assert_array_equal(first.samples, run(gaussian(), seed=as_tensor).samples)
    other = run(gaussian(), seed=2**40 + 3)  # the same in 32 bits
    assert not np.array_equal(first.samples, other.samples)


def test_no_seed_draws_a_new_one():
    first, second = run(gaussian(), seed=None), run(gaussian(), seed=None)
    assert not np.array_equal(first.samples, second.samples)


def test_all_kinds_of_target_give_the_same_samples():
    target = gaussian()
    expected = run(target).samples
    np.testing.assert_array_equal(expected, run(target.log_prob).samples)
    by_lambda = run(lambda x: target.log_prob(x), event_size=2)
    np.testing.assert_array_equal(expected, by_lambda.samples)
    with_log_prob = types.SimpleNamespace(log_prob=target.log_prob)
    by_object = run(with_log_prob, event_size=2)
    np.testing.assert_array_equal(expected, by_object.samples)


def test_variables_of_the_target_are_live():
    location = tf.Variable([0.0, 0.0])
    target = tfd.MultivariateNormalDiag(location)
    location.assign([5.0, -5.0])
    samples = run(target, num_burnin=200, num_samples=200).samples
    np.testing.assert_allclose(samples.mean(axis=(0, 1)), [5.0, -5.0], atol=0.5)


@pytest.mark.parametrize(
    "kwargs",
    [
        dict(target_log_prob_fn=gaussian(np.float64)),
        dict(target_log_prob_fn=gaussian(np.float64).log_prob),
        dict(target_log_prob_fn=standard_normal, event_size=2, dtype=tf.float64),
        dict(target_log_prob_fn=standard_normal, initial_state=np.ones([8, 2])),
    ],
    ids=["distribution", "bound method", "dtype", "initial_state"],
)
def test_float64(kwargs):
    chains = random_walk_metropolis(
        num_chains=8, num_samples=20, num_burnin=20, seed=0, **kwargs
    )
    assert chains.samples.dtype == np.float64
    # Digits that float32 does not have.
    assert np.all(chains.samples != chains.samples.astype(np.float32))


def test_bfloat16_ends_in_arrays_of_numpy():
    chains = run(standard_normal, event_size=2, dtype=tf.bfloat16, num_chains=8)
    assert chains.samples.dtype == np.float32
    assert np.std(chains.samples) == pytest.approx(1.0, abs=0.3)
    assert "R-hat" in str(chains)


def test_thinning_keeps_every_third_sample():
    every = run(gaussian(), num_samples=16)
    thinned = run(gaussian(), num_samples=6, thinning=3)
    np.testing.assert_array_equal(thinned.samples, every.samples[::3])


def test_rhat_is_honest_about_missed_modes():
    def two_modes(x):
        return tf.reduce_logsumexp(
            [standard_normal(x - 10.0), standard_normal(x + 10.0)], axis=0
        )

    chains = run(
        two_modes, event_size=1, num_samples=200, num_burnin=200, initial_spread=10.0
    )
    assert {-1.0, 1.0} == set(np.sign(chains.samples.mean(axis=0)).ravel())
    assert chains.rhat[0] > 1.1


def test_chains_never_leave_a_hard_support():
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        chains = run(
            box,
            event_size=2,
            num_chains=20,
            num_samples=500,
            num_burnin=100,
        )
    assert np.max(np.abs(chains.samples)) < 1.0
    assert np.max(np.abs(chains.samples)) > 0.95
    assert abs(z_score(chains.samples[..., 0].astype(np.float64) ** 2, 1 / 3)) < 4.5


@pytest.mark.parametrize(
    ("invalid", "jit_compile"), [(np.nan, True), (np.inf, False)], ids=["nan", "inf"]
)
def test_invalid_proposals_are_rejected_with_a_warning(invalid, jit_compile):
    def target(x):
        return tf.where(x[..., 0] < 0.5, standard_normal(x), invalid)

    with pytest.warns(RuntimeWarning, match=r"NaN or \+inf at \d+ of 1600 proposals"):
        chains = run(
            target,
            num_samples=200,
            initial_state=tf.zeros([8, 2]),
            jit_compile=jit_compile,
        )
    assert np.max(chains.samples[..., 0]) < 0.5
    assert chains.acceptance_rate > 0.1


def test_default_starting_points_are_overdispersed():
    chains = run(
        standard_normal,
        event_size=2,
        num_chains=2000,
        num_samples=1,
        num_burnin=0,
        initial_spread=3.0,
        initial_scale=1e-6,
    )
    assert chains.samples.std() == pytest.approx(3.0, rel=0.05)


def test_settings_are_plain_values():
    chains = run(gaussian(), initial_scale=0.5)
    settings = json.loads(json.dumps(chains.settings))
    assert settings["num_chains"] == 8
    assert settings["event_size"] == 2
    assert settings["initial_scale"] == 0.5
    assert settings["dtype"] == "float32"
    assert chains.num_burnin == settings["num_burnin"] == 20
    assert chains.seconds > 0.0


def test_densities_outside_of_tensorflow():
    def outside(x):
        return tf.numpy_function(lambda a: -0.5 * np.sum(a**2, axis=-1), [x], x.dtype)

    chains = run(outside, event_size=2, num_chains=50, num_samples=200, num_burnin=100)
    assert abs(z_score(chains.samples[..., 0].astype(np.float64) ** 2, 1.0)) < 4.5


def test_a_distribution_is_sampled_on_its_event_space():
    # Beyond 0, the formula of TFP's exponential density goes on, to infinity.
    target = tfd.Sample(tfd.Exponential(2.0), 1)
    chains = run(target, num_chains=50, num_samples=500, num_burnin=100)
    assert np.min(chains.samples) > 0.0
    assert abs(z_score(chains.samples[..., 0].astype(np.float64), 0.5)) < 4.5


@pytest.mark.parametrize("parameter_scales", ["burnin", [1e-2, 1.0, 1e2]])
@pytest.mark.parametrize("num_chains", [1, 50])
def test_a_proposal_scale_per_dimension(parameter_scales, num_chains):
    widths = np.array([1e-2, 1.0, 1e2])

    def target(x):
        return standard_normal(x / widths.astype(np.float32) - 1.0)

    chains = run(
        target,
        event_size=3,
        num_chains=num_chains,
        num_samples=4000,
        num_burnin=1000 if num_chains == 50 else 4000,
        parameter_scales=parameter_scales,
    )
    rtol = 0.1 if num_chains == 50 else 0.4
    best = 2.4 / 3**0.5 * widths
    np.testing.assert_allclose(chains.proposal_scales, best, rtol=rtol)
    assert chains.proposal_scale == pytest.approx(np.exp(np.log(best).mean()), rel=rtol)
    # With one scale for all, the widest dimension stands still.
    assert np.min(chains.ess) > 0.04 * num_chains * 4000


def test_given_scales_without_burnin():
    chains = run(gaussian(), num_burnin=0, initial_scale=0.5, parameter_scales=[2, 4])
    np.testing.assert_allclose(chains.proposal_scales, [1.0, 2.0])
    assert json.loads(json.dumps(chains.settings))["parameter_scales"] == [2.0, 4.0]
    # A few steps measure little, but break nothing.
    assert np.all(
        run(gaussian(), num_burnin=2, parameter_scales="burnin").proposal_scales
    )
