"""Flows inside TFP's meta-distributions, and bijectors among TFP's own."""

import itertools

import numpy as np
import pytest
import registry
import tensorflow as tf
import tensorflow_probability as tfp

tfb, tfd = tfp.bijectors, tfp.distributions

two_kinds = pytest.mark.parametrize(
    "make", ["planar-stack", "radial-chain"], indirect=True
)


def test_sample_and_log_prob_is_log_prob(make):
    flow = make(event_size=3, batch_shape=(4,))
    x, log_prob = flow.experimental_sample_and_log_prob((5, 2), seed=(1, 2))
    assert x.shape == (5, 2, 4, 3)
    np.testing.assert_allclose(flow.log_prob(tf.identity(x)), log_prob, rtol=1e-10)


@two_kinds
def test_independent_and_sample(make, rng):
    flow = make(event_size=3, batch_shape=(4,))
    x = tf.constant(rng.normal(size=(5, 4, 3)))
    log_prob = flow.log_prob(x).numpy()
    independent = tfd.Independent(flow, reinterpreted_batch_ndims=1)
    assert independent.event_shape == (4, 3)
    actual = independent.log_prob(tf.identity(x))
    np.testing.assert_allclose(actual, np.sum(log_prob, axis=-1), rtol=1e-12)
    assert independent.sample(7, seed=(1, 2)).shape == (7, 4, 3)

    single = make(event_size=3)
    sample = tfd.Sample(single, sample_shape=4)
    expected = np.sum(single.log_prob(tf.identity(x)), axis=-1)
    np.testing.assert_allclose(sample.log_prob(tf.identity(x)), expected, rtol=1e-12)
    assert sample.sample(7, seed=(1, 2)).shape == (7, 4, 3)


def test_mixture_of_flows(make, rng):
    flow = make(batch_shape=(2,))
    weights = tf.constant([0.3, 0.7], tf.float64)
    mixture = tfd.MixtureSameFamily(tfd.Categorical(probs=weights), flow)
    x = rng.normal(size=(5, 2))
    parts = np.exp(flow.log_prob(x[:, np.newaxis]))
    np.testing.assert_allclose(mixture.prob(x), parts @ weights.numpy(), rtol=1e-12)


def sequential(flow):
    return tfd.JointDistributionSequential(
        [flow, lambda z: tfd.MultivariateNormalDiag(z, tf.ones_like(z))]
    )


def named(flow):
    return tfd.JointDistributionNamed(
        dict(z=flow, y=lambda z: tfd.MultivariateNormalDiag(z, tf.ones_like(z)))
    )


def coroutine(flow):
    @tfd.JointDistributionCoroutineAutoBatched
    def model():
        z = yield flow
        yield tfd.Independent(tfd.Normal(z, tf.ones_like(z)), 1)

    return model


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "joint"),
    [
        ("planar-stack", sequential),
        ("planar-stack", named),
        ("radial-chain", coroutine),
    ],
    indirect=["make"],
)
def test_joint_distributions(make, joint):
    flow = make()
    model = joint(flow)
    sample = model.sample(5, seed=(1, 2))
    z, y = (sample["z"], sample["y"]) if joint is named else sample
    expected = flow.log_prob(tf.identity(z)) + tf.reduce_sum(
        tfd.Normal(z, np.float64(1.0)).log_prob(y), axis=-1
    )
    np.testing.assert_allclose(model.log_prob(sample), expected, rtol=1e-10)


@two_kinds
def test_a_flow_takes_its_name_from_the_joint_distribution(make):
    assert list(named(make()).sample(seed=(1, 2))) == ["z", "y"]
    assert sequential(make())._flat_resolve_names() == ("z", "x")


@two_kinds
def test_invert_of_a_flow(make, rng):
    flow = make(event_size=3)
    inverted = tfb.Invert(flow.bijector)
    y = tf.constant(rng.normal(size=(5, 3)))
    x = inverted.forward(y)
    np.testing.assert_allclose(
        flow.bijector.forward(tf.identity(x)), y, rtol=1e-11, atol=1e-11
    )
    np.testing.assert_allclose(
        inverted.forward_log_det_jacobian(y, event_ndims=1),
        -flow.bijector.forward_log_det_jacobian(tf.identity(x), event_ndims=1),
        rtol=1e-10,
        atol=1e-11,
    )
    # The density of whitened points: log_prob needs the forward map alone.
    whitened = tfd.TransformedDistribution(flow, inverted)
    expected = flow.distribution.log_prob(x)
    np.testing.assert_allclose(whitened.log_prob(tf.identity(x)), expected, rtol=1e-9)


def mixed_chains(bijector):
    scale = tfb.ScaleMatvecTriL(np.array([[2.0, 0.0], [0.5, 0.7]]))
    return {
        "before": tfb.Chain([bijector, tfb.Shift(np.array([1.0, -2.0])), scale]),
        "after": tfb.Chain([tfb.Softplus(), bijector]),
        "between": tfb.Chain([tfb.Sigmoid(), bijector, tfb.Permute([1, 0]), scale]),
        "twice": tfb.Chain([bijector, tfb.Tanh(), bijector]),
        "inverted": tfb.Chain([tfb.Exp(), tfb.Invert(bijector), scale]),
    }


def pairs_of_entry_and_chain():
    """Each bijector in one chain or another, so that each chain has two or more.

    Whether a chain in a graph keeps what a loop made, one bijector shows for all.
    """
    names = itertools.cycle(mixed_chains(tfb.Identity()))
    for entry, name in zip(registry.ENTRIES, names, strict=False):
        yield pytest.param(entry, name, False, id=f"{entry.name}-{name}")
    entry = registry.one_stack_per_class()[0]
    yield pytest.param(entry, "twice", True, id=f"{entry.name}-twice-compiled")


@pytest.mark.slow
@pytest.mark.parametrize(("entry", "name", "compiled"), pairs_of_entry_and_chain())
def test_mixed_chains(entry, name, compiled, rng):
    chain = mixed_chains(entry.make(rng)[1])[name]
    x = tf.constant(rng.normal(size=(5, 2)))

    def both_ways(x):
        y = tf.identity(chain.forward(x))
        log_det = chain.forward_log_det_jacobian(x, event_ndims=1)
        return y, log_det, chain.inverse(y), chain.inverse_log_det_jacobian(y, 1)

    y, log_det, returned, inverse_log_det = (
        tf.function(both_ways, autograph=False)(x) if compiled else both_ways(x)
    )
    np.testing.assert_allclose(returned, x, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(inverse_log_det, -log_det, rtol=1e-8, atol=1e-8)
    point = tf.identity(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(point)
        image = chain.forward(point)
    jacobian = tape.batch_jacobian(image, point, experimental_use_pfor=False)
    np.testing.assert_allclose(image, y, rtol=1e-12)
    np.testing.assert_allclose(log_det, np.linalg.slogdet(jacobian)[1], 1e-9, 1e-9)
