"""Flows as TFP objects: slices, copies, equality and hashes."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions
SLICES = {
    "int": np.s_[1],
    "range": np.s_[1:],
    "step": np.s_[::2],
    "newaxis": np.s_[:, tf.newaxis],
    "ellipsis": np.s_[..., 0],
    "two axes": np.s_[0, 1:],
}


@pytest.mark.slow
@pytest.mark.parametrize("make", ["planar-stack", "radial-chain"], indirect=True)
@pytest.mark.parametrize("index", SLICES.values(), ids=SLICES)
def test_slices_of_a_flow(make, index, rng):
    flow = make(batch_shape=(3, 2))
    part = flow[index]
    assert isinstance(part, tfd.TransformedDistribution)
    assert type(part.bijector) is type(flow.bijector)
    assert part.batch_shape == np.empty((3, 2))[index].shape
    x = tf.constant(rng.normal(size=2))
    np.testing.assert_allclose(
        part.log_prob(x), flow.log_prob(tf.identity(x)).numpy()[index], rtol=1e-12
    )
    assert part.sample(4, seed=(1, 2)).shape == (4, *part.batch_shape, 2)


def test_slices_keep_gradients_to_the_variables(make):
    flow = make(batch_shape=(3,))
    with tf.GradientTape() as tape:
        log_prob = tf.reduce_sum(flow[1:].log_prob(tf.ones([2], tf.float64)))
    for gradient in tape.gradient(log_prob, flow.trainable_variables):
        assert np.all(gradient[0] == 0.0)
        assert np.all(np.any(np.reshape(gradient[1:], [2, -1]) != 0.0, axis=1))


@pytest.mark.slow
@pytest.mark.parametrize("index", [np.s_[1:], np.s_[..., tf.newaxis]], ids=str)
def test_slices_of_a_bijector(entry, index, rng):
    _, bijector = entry.make(rng, batch_shape=(3,))
    part = bijector[index]
    assert type(part) is entry.bijector_class
    assert part.experimental_batch_shape() == np.empty(3)[index].shape
    x = tf.constant(rng.normal(size=2))
    for method in ("forward", "inverse"):
        moved = getattr(bijector, method)(tf.identity(x)).numpy()
        moved = moved[index] if index != np.s_[..., tf.newaxis] else moved[:, np.newaxis]
        np.testing.assert_allclose(getattr(part, method)(x), moved, rtol=1e-12)


def test_copy_of_a_flow(make, rng):
    flow = make()
    x = tf.constant(rng.normal(size=(5, 2)))
    copy = flow.copy(name="copied", validate_args=True)
    assert copy.name == "copied"
    assert copy.bijector is flow.bijector
    np.testing.assert_array_equal(copy.log_prob(x), flow.log_prob(tf.identity(x)))
    base = tfd.MultivariateNormalDiag(tf.ones([2], tf.float64))
    moved = flow.copy(distribution=base)
    assert moved.distribution is base
    assert np.all(moved.log_prob(tf.identity(x)) != flow.log_prob(tf.identity(x)))


def test_bijectors_with_the_same_parameters_are_equal(entry, rng):
    parameters, bijector = entry.make(rng)
    same = entry.build(**parameters)
    assert same == bijector
    assert hash(same) == hash(bijector)
    assert bijector.copy() == bijector
    assert len({same, bijector}) == 1


def test_bijectors_with_other_parameters_differ(entry, rng):
    parameters, bijector = entry.make(rng)
    for name, value in parameters.items():
        other = entry.build(**{**parameters, name: tf.identity(value) + 1.0})
        assert other != bijector
        assert len({other, bijector}) == 2
    assert bijector != tfp.bijectors.Identity()


def test_bijectors_of_variables_are_equal_only_if_they_share_them(entry, rng):
    values = entry.draw(rng, 1.0, (), 2)
    first, second = ({n: tf.Variable(v) for n, v in values.items()} for _ in range(2))
    assert entry.build(**first) == entry.build(**first)
    assert entry.build(**first) != entry.build(**second)
    # Not by the values of the moment: a hash must outlive an assignment.
    bijector = entry.build(**first)
    before = hash(bijector)
    next(iter(first.values())).assign_add(1.0 + tf.zeros_like(next(iter(first.values()))))
    assert hash(bijector) == before
