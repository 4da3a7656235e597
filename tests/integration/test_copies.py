"""Deep copies and pickles of flows inside TFP's objects, and of results."""

import copy
import dataclasses
import pickle

import cloudpickle
import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff

tfb, tfd = tfp.bijectors, tfp.distributions

COPIES = dict(
    deepcopy=copy.deepcopy,
    pickle=lambda value: pickle.loads(pickle.dumps(value)),
    cloudpickle=lambda value: pickle.loads(cloudpickle.dumps(value)),
)
SHIFT = tf.Variable([0.5, -1.0])
AROUND = dict(
    plain=lambda flow: tfd.TransformedDistribution(flow.distribution, flow.bijector),
    inverted=lambda flow: tfd.TransformedDistribution(
        tfd.MultivariateNormalDiag(SHIFT), tfb.Invert(flow.bijector)
    ),
    chain=lambda flow: tfd.TransformedDistribution(
        tfd.Independent(tfd.Normal(SHIFT, 1.0), 1),
        tfb.Chain([tfb.Shift(SHIFT), flow.bijector]),
    ),
    blockwise=lambda flow: tfd.TransformedDistribution(
        flow, tfb.Blockwise([tfb.Exp(), tfb.Shift(SHIFT[0])], [1, 1])
    ),
    mixture=lambda flow: tfd.MixtureSameFamily(
        tfd.Categorical(logits=tf.Variable([0.0, 1.0])), tfd.BatchBroadcast(flow, [2])
    ),
    sample=lambda flow: tfd.Sample(flow, 2),
)


@pytest.fixture(params=COPIES)
def copied(request):
    """Each way of copying in turn."""
    return COPIES[request.param]


# Each way of copying, and each object by one of them.
@pytest.mark.parametrize(
    ("around", "how"), zip(AROUND, ["deepcopy", "pickle"] * 3, strict=True)
)
def test_flows_inside_objects_of_tfp(around, how):
    distribution = AROUND[around](tff.planar_flow(2, 2, seed=0))
    x = distribution.sample(3, seed=(1, 2))
    before = distribution.log_prob(x)  # and caches are full
    twin = COPIES[how](distribution)
    assert type(twin) is type(distribution)
    np.testing.assert_array_equal(twin.log_prob(x), before)
    ours, theirs = distribution.trainable_variables, twin.trainable_variables
    # A variable in two places stays one.
    assert [v.name for v in theirs] == [v.name for v in ours]
    values = [variable.numpy() for variable in ours]
    for variable in ours:
        variable.assign_add(tf.ones_like(variable))
    np.testing.assert_array_equal(twin.log_prob(x), before)
    assert np.all(distribution.log_prob(tf.identity(x)) != before)
    for variable, value in zip(ours, values, strict=True):
        variable.assign(value)


def target(x):
    return -0.5 * tf.reduce_sum((x - 1.0) ** 2, axis=-1)


@pytest.fixture(scope="module")
def results():
    """A result of each kind, by name."""
    flow = AROUND["inverted"](tff.planar_flow(2, 2, seed=0))
    arguments = dict(num_steps=3, seed=0, progress_bar=False)
    reverse_kl = tff.vi.fit_reverse_kl(
        flow, target, sample_size=4, optimizer=keras.optimizers.SGD(0.01), **arguments
    )
    points = np.random.default_rng(0).normal(size=[20, 2])
    likelihood = tff.vi.fit_maximum_likelihood(
        tfd.MultivariateNormalDiag(tf.Variable([0.0, 0.0])), points, **arguments
    )
    return dict(
        reverse_kl=reverse_kl,
        likelihood=likelihood,
        evaluation=tff.diagnostics.evaluate(
            reverse_kl, target, num_samples=100, keep_samples=True, seed=0
        ),
        chains=tff.mcmc.random_walk_metropolis(
            target, num_chains=2, num_samples=8, num_burnin=4, event_size=2, seed=0
        ),
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["reverse_kl", "likelihood", "evaluation", "chains"])
def test_results(kind, copied, results):
    result = results[kind]
    text = str(result)  # and cached properties are there
    twin = copied(result)
    assert type(twin) is type(result)
    assert str(twin) == text
    for field in dataclasses.fields(result):
        if field.name != "flow":
            np.testing.assert_equal(
                getattr(twin, field.name), getattr(result, field.name)
            )
    if hasattr(result, "flow"):
        x = tf.constant([[0.3, 0.4]])
        np.testing.assert_array_equal(twin.flow.log_prob(x), result.flow.log_prob(x))


def test_errors_of_fits(copied, results):
    twin = copied(tff.vi.FitError("It failed.", results["reverse_kl"]))
    assert isinstance(twin, tff.vi.FitError)
    assert str(twin) == "It failed."
    np.testing.assert_array_equal(twin.result.loss, results["reverse_kl"].loss)
