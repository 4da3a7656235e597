"""The loop over layers: what it feeds on and what it collects."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.bijectors import layer_loop


@pytest.mark.parametrize("axis", [-1, -2, -3])
def test_layers_first(axis, rng):
    parameter = rng.normal(size=(2, 3, 4))
    actual = layer_loop.layers_first(tf.constant(parameter), axis)
    np.testing.assert_array_equal(actual, np.moveaxis(parameter, axis, 0))


def test_layers_first_refuses_unknown_rank():
    compiled = tf.function(lambda p: layer_loop.layers_first(p, -1))
    with pytest.raises(ValueError, match="static rank"):
        compiled.get_concrete_function(tf.TensorSpec(None))


@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 3, 2)], ids=str)
def test_layers_last(shape, rng):
    scalars = rng.normal(size=shape)
    expected = np.moveaxis(scalars, 0, -1)
    np.testing.assert_array_equal(layer_loop.layers_last(tf.constant(scalars)), expected)
    compiled = tf.function(
        layer_loop.layers_last, input_signature=[tf.TensorSpec(None, tf.float64)]
    )
    np.testing.assert_array_equal(compiled(scalars), expected)


@pytest.mark.parametrize("shape", [(2,), (5, 2), (5, 3, 2)], ids=str)
def test_run_layers_collects_a_scalar_per_layer_and_point(shape, rng):
    x = rng.normal(size=shape)
    factors = tf.constant([2.0, -1.0, 0.5], tf.float64)

    def layer(k, z):
        return factors[k] * z + 1.0, tf.reduce_sum(z, axis=-1)

    y, sums = layer_loop.run_layers(layer, tf.constant(x), 3)
    expected_sums = []
    for factor in factors.numpy():
        expected_sums.append(np.sum(x, axis=-1))
        x = factor * x + 1.0
    np.testing.assert_allclose(y, x, rtol=1e-12)
    np.testing.assert_allclose(sums, np.stack(expected_sums, axis=-1), rtol=1e-12)
