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
