"""The loop over layers: what it feeds on and what it collects."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.bijectors import layer_loop


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("shape", [(2,), (5, 2), (5, 3, 2)], ids=str)
def test_collects_a_value_of_each_layer(shape, reverse, rng):
    z = rng.normal(size=shape)
    factors = np.array([2.0, -1.0, 0.5])
    constant = tf.constant(factors)

    def layer(k, z):
        return constant[k] * z + 1.0, tf.square(z)

    last, squares = layer_loop.run_layers(layer, tf.constant(z), 3, reverse=reverse)
    expected = [None, None, None]
    for k in reversed(range(3)) if reverse else range(3):
        expected[k] = np.square(z)
        z = factors[k] * z + 1.0
    np.testing.assert_allclose(last, z, rtol=1e-12)
    np.testing.assert_allclose(squares, np.stack(expected), rtol=1e-12)


def test_collects_values_of_other_shapes():
    ones = tf.ones([2, 3])

    def layer(k, z):
        first, second = z
        k = tf.cast(k, tf.float32)
        return [first + 1.0, second * 2.0], (first[0] + k, second)

    shapes = (tf.TensorShape([3]), tf.TensorShape([2, 3]))
    z, (sums, seconds) = layer_loop.run_layers(
        layer, [ones, ones], 3, value_shapes=shapes
    )
    np.testing.assert_array_equal(z, [4.0 * ones, 8.0 * ones])
    np.testing.assert_array_equal(sums, np.outer([1.0, 3.0, 5.0], [1.0, 1.0, 1.0]))
    np.testing.assert_array_equal(seconds[:, 1, 1], [1.0, 2.0, 4.0])
