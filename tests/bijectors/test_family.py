"""Families of layers: named, with one way of constraining, of any parameters."""

import numpy as np
import pytest
import registry
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors, names, numerics

SEED = numerics.stateless_seed(0)
FAMILIES = [entry.family for entry in registry.FAMILIES]


@pytest.fixture(params=FAMILIES, ids=repr)
def family(request):
    """Each family of the package in turn, in each form."""
    return request.param


def draw(family, batch_shape=(), dtype=tf.float64):
    return family.initial_values(4, seed=SEED, dtype=dtype, batch_shape=batch_shape)


def test_names():
    assert {type(family) for family in FAMILIES} == set(bijectors.FAMILIES.values())
    assert tuple(bijectors.FAMILIES) == names.FAMILIES
    for name, family in bijectors.FAMILIES.items():
        assert family.name == name


@pytest.mark.parametrize("batch_shape", [(), (2, 5)], ids=str)
def test_stack_and_layers_are_one_map(family, batch_shape, rng):
    values = draw(family, batch_shape)
    axes = family.layer_axes()
    layers = [
        family.layer(k, {n: tf.gather(v, k, axis=axes[n]) for n, v in values.items()})
        for k in range(3)
    ]
    stack = family.stack(values)
    assert stack.num_layers == 3
    assert stack.experimental_batch_shape() == batch_shape
    x = tf.constant(rng.normal(size=(7, *batch_shape, 4)))
    np.testing.assert_allclose(
        bijectors.chain(layers).forward(x), stack.forward(x), rtol=1e-12, atol=1e-13
    )


def test_shapes_tell_the_choices(family):
    values = draw(family, [5])
    options = family.options_of({n: tuple(v.shape[2:]) for n, v in values.items()})
    again = type(family)(3, **options)
    for name, value in draw(again, [5]).items():
        np.testing.assert_array_equal(value, values[name])


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_constraints_there_and_back(family, dtype):
    values = draw(family, dtype=dtype)
    free = family.unconstrain(values)
    assert list(free) == [family.unconstrained_names()[name] for name in values]
    constrained = family.constrain(free)
    assert list(constrained) == list(values)
    for name, value in values.items():
        np.testing.assert_allclose(constrained[name], value, rtol=1e-6)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_alpha_is_positive_at_any_value(dtype):
    family = bijectors.RadialFamily(1)
    alpha = family.variable("alpha", tf.ones([1], dtype), name="alpha")
    alpha.pretransformed_input.assign([-1e3])
    held = family.unconstrain(dict(alpha=alpha))
    assert held["alpha_unconstrained"] is alpha.pretransformed_input
    for value in (alpha, family.constrain(held)["alpha"]):
        assert 0.0 < tf.convert_to_tensor(value).numpy()[0] < 1e-6


def test_constrained_variables_stay_live():
    family = bijectors.RadialFamily(3)
    free = {k: tf.Variable(v) for k, v in family.unconstrain(draw(family)).items()}
    stack = family.stack(family.constrain(free))
    assert len(stack.trainable_variables) == 3
    before = stack.injectivity_margin
    free["alpha_unconstrained"].assign_add([1.0, 1.0, 1.0])
    assert np.all(stack.injectivity_margin < before)


@pytest.mark.parametrize("family_class", bijectors.FAMILIES.values())
def test_bad_arguments(family_class):
    with pytest.raises(ValueError, match="`num_layers` must be an integer of at least 1"):
        family_class(0)
    with pytest.raises(ValueError, match="`init_scale` must be at least 0, but got -1"):
        family_class(2, -1.0)


def test_chain_is_in_the_order_of_application():
    chain = bijectors.chain([tfp.bijectors.Shift(1.0), tfp.bijectors.Scale(3.0)])
    assert chain.forward(1.0) == 6.0
