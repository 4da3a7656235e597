"""What is known of a target: its function, its log Z, its event size."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff
from tfp_flows.density import as_density

tfd = tfp.distributions


def bump(x):
    return 30.0 - 0.5 * tf.reduce_sum(tf.square(x), axis=-1)


class Posterior:
    """As users of other libraries write it: `log_prob` is not normalised."""

    log_prob = staticmethod(bump)

    def __call__(self, x):
        raise AssertionError("a method is preferred to the call")


class BoundPosterior(Posterior):
    def log_prob(self, x):
        return bump(x)


class Declared(BoundPosterior):
    log_normalizer = 30.0 + np.log(2.0 * np.pi)


class WithBoth(Declared):
    def log_prob(self, x):
        return bump(x) - self.log_normalizer

    def unnormalized_log_prob(self, x):
        return bump(x)


def joint(**kwargs):
    """A model of a vector and three observations, pinned or not."""
    model = tfd.JointDistributionNamed(
        dict(
            weights=tfd.Sample(tfd.Normal(0.0, 1.0), 2),
            y=lambda weights: tfd.Independent(
                tfd.Normal(weights[..., :1], tf.ones(3)), 1
            ),
        )
    )
    return model.experimental_pin(**kwargs) if kwargs else model


NORMAL = tfd.MultivariateNormalDiag([1.0, 0.0], [1.0, 2.0])
BUILT_IN = tff.targets.get("u2")
LOG_Z = float(BUILT_IN.log_normalizer())


@pytest.mark.parametrize(
    ("target", "log_normalizer", "event_size"),
    [
        (bump, None, None),
        (BoundPosterior(), None, None),
        (BoundPosterior().log_prob, None, None),
        (Posterior(), None, None),
        (Declared(), Declared.log_normalizer, None),
        (Declared().log_prob, Declared.log_normalizer, None),
        (WithBoth(), Declared.log_normalizer, None),
        (WithBoth().log_prob, 0.0, None),
        (WithBoth().unnormalized_log_prob, Declared.log_normalizer, None),
        (NORMAL, 0.0, 2),
        (NORMAL.log_prob, 0.0, 2),
        (NORMAL.unnormalized_log_prob, None, 2),
        (BUILT_IN, LOG_Z, 2),
        (BUILT_IN.log_prob, 0.0, 2),
        (BUILT_IN.unnormalized_log_prob, LOG_Z, 2),
        (joint(y=tf.zeros(3)), None, 2),
        (joint(y=tf.zeros(3)).log_prob, None, 2),
        (tfd.JointDistributionSequential([NORMAL]), None, 2),
    ],
)
def test_only_what_declares_its_normalizer_is_trusted(target, log_normalizer, event_size):
    density = as_density(target)
    assert density.log_normalizer == log_normalizer
    assert density.event_size == event_size
    assert density.dtype == (tf.float32 if event_size else None)
    assert as_density(density) is density


def test_functions_are_those_of_the_target():
    x = tf.constant([[0.5, 1.0], [-5.0, 2.0]])
    np.testing.assert_array_equal(as_density(NORMAL)(x), NORMAL.log_prob(x))
    density = as_density(BUILT_IN)
    np.testing.assert_array_equal(density(x), BUILT_IN.unnormalized_log_prob(x))
    np.testing.assert_array_equal(density.exact()(x), BUILT_IN.log_prob(x))
    assert density.exact().log_normalizer == 0.0
    assert density.modes is BUILT_IN
    # A given method is judged as it is.
    soft = as_density(BUILT_IN.unnormalized_log_prob)
    assert soft.exact() is soft
    model, y = joint(), tf.zeros(3)
    for target in (joint(y=y), joint(y=y).unnormalized_log_prob):
        expected = model.log_prob(weights=x, y=y)
        np.testing.assert_allclose(as_density(target)(x), expected, rtol=1e-6)


def test_declared_normalizers_may_be_methods_and_of_functions():
    def log_prob(x):
        return bump(x)

    log_prob.log_normalizer = lambda: tf.constant(2.5)
    assert as_density(log_prob).log_normalizer == 2.5


@pytest.mark.parametrize(
    ("distribution", "inside", "outside"),
    [
        (tfd.Exponential([1.0, 2.0]), [1.0, 3.0], [1.0, -3.0]),
        (tfd.VonMises([0.0, 3.0], 2.0), [3.1, -3.1], [3.1, 3.2]),
        (tfd.Beta([2.0, 1.0], 1.0), [0.5, 0.5], [0.5, 1.5]),
        (tfd.LogNormal([0.0, 1.0], 1.0), [0.5, 0.5], [0.5, -1.0]),
    ],
)
def test_a_distribution_is_zero_outside_its_event_space(distribution, inside, outside):
    target = tfd.Independent(distribution, 1)
    for given in (target, target.log_prob):
        log_prob = as_density(given).exact()(tf.constant([inside, outside])).numpy()
        assert log_prob[0] == target.log_prob(tf.constant(inside)).numpy()
        assert log_prob[1] == -np.inf


def test_event_spaces_of_batches():
    target = tfd.Sample(tfd.Uniform(0.0, [1.0, 2.0, 3.0]), 2)
    x = tf.fill([3, 2], 1.5)
    log_prob = as_density(target).exact()(x)
    np.testing.assert_allclose(log_prob, [-np.inf, -2 * np.log(2.0), -2 * np.log(3.0)])


class UserNormal(tfd.Normal):
    def _default_event_space_bijector(self):
        raise NotImplementedError


@pytest.mark.parametrize(
    "target",
    [
        NORMAL,
        tfd.Sample(tfd.StudentT(3.0, 0.0, 1.0), 2),
        tfd.Sample(UserNormal(0.0, 1.0), 2),
        tfd.Blockwise([tfd.Normal(0.0, 1.0), tfd.Exponential(1.0)]),
        tfd.VonMisesFisher([0.0, 1.0], 2.0),
        tff.planar_flow(2, 2, seed=0),
    ],
    ids=lambda target: target.name,
)
def test_other_distributions_are_taken_as_they_are(target):
    assert as_density(target).exact().log_prob_fn == target.log_prob


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (3.0, TypeError, "must be a function .* but got 3.0"),
        (
            joint(),
            ValueError,
            r"events are a structure, \{.*weights.*\}; pass a function",
        ),
        (tfd.Normal(0.0, 1.0), ValueError, r"shape is \(\); .*tfd.Sample\(dist, 1\)"),
        (tfd.Sample(tfd.Normal(0.0, 1.0), [2, 3]).log_prob, ValueError, "tfb.Reshape"),
    ],
    ids=["number", "structure", "scalar", "matrix"],
)
def test_what_is_no_density_over_vectors_is_refused(target, error, message):
    with pytest.raises(error, match=message) as caught:
        as_density(target)
    assert "\n" not in str(caught.value)
