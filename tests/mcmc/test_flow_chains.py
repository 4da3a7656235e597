"""Chains in the space of a flow: `neutra` and `independence_metropolis`."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff
from tfp_flows.mcmc.flow_chains import FlowChains
from tfp_flows.mcmc.flow_space import FlowSpace

tfd = tfp.distributions
GRAPH = dict(jit_compile=False)
SD = np.array([0.5, 2.0], np.float32)


class TwoModes:
    """Two normals in the plane, 8 apart, with shares 0.3 and 0.7."""

    event_shape, dtype = tf.TensorShape([2]), tf.float32
    parts = tfd.MultivariateNormalDiag([[-4.0, 0.0], [4.0, 0.0]], [0.7, 0.7])
    distribution = tfd.MixtureSameFamily(tfd.Categorical(probs=[0.3, 0.7]), parts)

    def log_prob(self, x):
        return self.distribution.log_prob(x)

    def mode_probabilities(self):
        return tf.constant([0.3, 0.7])

    def mode_responsibilities(self, x):
        right = tf.cast(x[..., 0] > 0.0, tf.float32)
        return tf.stack([1.0 - right, right], axis=-1)


def normal(scale=(1.0, 1.0), loc=(0.0, 0.0)):
    return tfd.MultivariateNormalDiag(list(loc), list(scale))


SAMPLERS = {
    "hmc": lambda *args, **kwargs: tff.mcmc.neutra(*args, **kwargs, **GRAPH),
    "nuts": lambda *args, **kwargs: tff.mcmc.neutra(
        *args, kernel="nuts", **kwargs, **GRAPH
    ),
    "jumps": lambda *args, **kwargs: tff.mcmc.independence_metropolis(
        *args, **kwargs, **GRAPH
    ),
    "jumps and moves": lambda *args, **kwargs: tff.mcmc.independence_metropolis(
        *args, num_local_steps=1, **kwargs, **GRAPH
    ),
}


@pytest.mark.parametrize("name", ["jumps", "jumps and moves", "nuts"])
def test_target_is_invariant_also_with_a_bad_flow(name):
    target = TwoModes().distribution
    flow = normal(scale=(2.0, 0.5), loc=(3.0, 0.3))
    chains = SAMPLERS[name](
        flow,
        target.log_prob,
        num_chains=1_000,
        num_samples=2,
        num_burnin=0,
        initial_state=target.sample(1_000, seed=[0, 1]),
        seed=2,
    )
    assert 0.05 < chains.acceptance_rate <= 1.0
    last, fresh = chains.samples[-1], target.sample([1_000, 19], seed=[0, 3]).numpy()
    for of in (lambda x: x[..., 0], lambda x: x[..., 1], target.log_prob):
        ranks = np.sum(np.asarray(of(fresh)) < np.asarray(of(last))[:, None], axis=1)
        counts = np.bincount(ranks, minlength=20)
        assert scipy.stats.chisquare(counts).pvalue > 1e-3


def test_burn_in_tunes_and_the_samples_are_those_of_the_target():
    chains = SAMPLERS["hmc"](
        normal(), normal(SD).log_prob, num_samples=250, num_burnin=100, seed=0
    )
    assert np.all(chains.rhat < 1.02)
    np.testing.assert_allclose(np.std(chains.samples, axis=(0, 1)), SD, rtol=0.1)
    np.testing.assert_allclose(np.mean(chains.samples / SD, axis=(0, 1)), 0.0, atol=0.1)
    acceptance = np.mean(chains.sample_stats["acceptance_rate"])
    assert 0.6 < acceptance < 0.95
    assert chains.num_divergences == 0
    stats = chains.to_arviz().sample_stats
    assert {"lp", "acceptance_rate", "diverging", "n_steps"} <= set(stats)
    lp = normal(SD).log_prob(chains.samples)
    np.testing.assert_allclose(chains.sample_stats["lp"], lp, atol=1e-4)


def test_starts_are_wider_than_the_target():
    space = FlowSpace(
        normal(), normal(SD).log_prob, seed=tf.constant([0, 0]), is_moved=True
    )
    starts = space.start(1_000, None, tf.constant([0, 1]), "neutra").numpy()
    assert np.all(np.std(starts, axis=0) > 1.1 * SD)
    assert len(np.unique(starts, axis=0)) == 1_000


def test_jumps_cross_between_modes_and_moves_alone_do_not():
    target = TwoModes()
    options = dict(num_samples=200, num_burnin=50, seed=0)
    jumps = SAMPLERS["jumps"](target.distribution, target, **options)
    assert jumps.acceptance_rate == 1.0
    np.testing.assert_allclose(jumps.mode_mass, [0.3, 0.7], atol=0.03)
    # Draws of the target itself change the mode with probability 2 * 0.3 * 0.7.
    assert abs(np.mean(jumps.mode_crossings) / 199 - 0.42) < 0.03
    assert "crossings" in str(jumps)
    with pytest.warns(RuntimeWarning, match="No chain crossed.*started in 2"):
        stuck = SAMPLERS["hmc"](normal(scale=(4.0, 1.0)), target, **options)
    assert not np.any(stuck.mode_crossings)
    assert stuck.rhat[0] > 1.1


def test_seeds_thinning_and_blocks(monkeypatch):
    monkeypatch.setattr("tfp_flows.numerics.MOST_POINTS", 160)
    options = dict(num_chains=4, num_burnin=10, seed=3)
    one = SAMPLERS["jumps"](normal(), normal(SD), num_samples=100, **options)
    thinned = SAMPLERS["jumps"](
        normal(), normal(SD), num_samples=50, thinning=2, **options
    )
    np.testing.assert_array_equal(one.samples[1::2], thinned.samples)


def test_rounds_count_all_transitions_before_them():
    settings = dict(sampler="independence_metropolis", num_chains=4, thinning=2)
    settings |= dict(num_samples=5, num_burnin=10, **GRAPH)
    chains = FlowChains(
        normal(), normal(SD), settings, num_moves=0, has_jumps=True, seed=0
    )
    chains.burn_in(10)
    rounds = [chains.sample(), chains.sample(7)]
    assert [part.num_burnin for part in rounds] == [10, 20]
    assert "after 20 burn-in steps" in str(rounds[1])
    for part in rounds:
        assert part.settings["num_samples"] == len(part.samples)
        assert part.settings["num_burnin"] == part.num_burnin


@pytest.mark.parametrize("has_gradient", [False, True])
def test_proposals_are_weighed_few_at_a_time(has_gradient, monkeypatch):
    sizes = []

    def log_prob(x):
        sizes.append(x.shape.num_elements() // 2)
        return normal(SD).log_prob(x)

    seed = tf.constant([0, 0])
    space = FlowSpace(normal(), log_prob, seed=seed, is_moved=True)
    whole = space.proposals([25, 4], seed, has_gradient=has_gradient)
    monkeypatch.setattr("tfp_flows.numerics.FEW_POINTS", 32)
    sizes.clear()
    parts = space.proposals([25, 4], seed, has_gradient=has_gradient)
    assert max(sizes) == 32
    for part, expected in zip(parts, whole, strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-5)


def test_draws_at_which_the_target_is_no_number_are_counted():
    def log_prob(x):
        return tf.where(x[..., 0] > 3.2, np.nan, normal().log_prob(x))

    with pytest.warns(RuntimeWarning, match="NaN or \\+inf at [0-9]+ of 16000 draws"):
        chains = SAMPLERS["jumps"](normal(), log_prob, num_burnin=0, seed=0)
    assert np.max(chains.samples[..., 0]) <= 3.2


BATCH = tfd.MultivariateNormalDiag(tf.zeros([3, 2]), tf.ones([3, 2]))
BAD = {
    "no bijector": (dict(flow=TwoModes().distribution), TypeError, "TransformedDist"),
    "batch": (dict(flow=BATCH), ValueError, "batch shape"),
    "other size": (dict(target=tfd.Sample(tfd.Normal(0.0, 1.0), 3)), ValueError, "size"),
    "kernel": (dict(kernel="mala"), ValueError, "'hmc', 'nuts'.*'mala'"),
    "samples": (dict(num_samples=0), ValueError, "num_samples"),
    "start": (dict(initial_state=np.zeros([16, 3])), ValueError, "size 3"),
    "masked start": (
        dict(initial_state=np.ma.masked_array(np.zeros([16, 2]), mask=np.eye(16, 2))),
        TypeError,
        "neutra got initial_state as a masked array",
    ),
    "half": (
        dict(flow=tfd.MultivariateNormalDiag(tf.zeros(2, tf.float16))),
        TypeError,
        "float32 or float64",
    ),
    "no gradient": (
        dict(target=lambda x: tf.stop_gradient(-tf.reduce_sum(x**2, -1))),
        ValueError,
        "gradient",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments(case):
    changed, error, message = BAD[case]
    arguments = dict(flow=normal(), target=normal(SD)) | changed
    with pytest.raises(error, match=message):
        tff.mcmc.neutra(**arguments, seed=0)
