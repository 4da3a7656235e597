"""A family of a user's own, of bijectors that know TFP's methods alone."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff
from tfp_flows import bijectors

tfb = tfp.bijectors


class Scales(tfb.Bijector):
    """x exp(scale_1 + ... + scale_K), of `log_scale` `[..., K, D]`."""

    def __init__(self, log_scale, validate_args=False):
        self._log_scale = log_scale
        super().__init__(
            forward_min_event_ndims=1,
            validate_args=validate_args,
            dtype=log_scale.dtype,
            parameters=dict(log_scale=log_scale),
        )

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return dict(log_scale=tfp.util.ParameterProperties(event_ndims=2))

    def _forward(self, x):
        return x * tf.exp(tf.reduce_sum(self._log_scale, axis=-2))

    def _inverse(self, y):
        return y * tf.exp(-tf.reduce_sum(self._log_scale, axis=-2))

    def _forward_log_det_jacobian(self, x):
        return tf.reduce_sum(self._log_scale, axis=[-2, -1]) + 0.0 * x[..., 0]


@dataclasses.dataclass(frozen=True)
class ScalesFamily(bijectors.Family):
    """K scales."""

    name = "scales"
    stack_class = layer_class = Scales

    def initial_values(self, event_size, *, seed, dtype, batch_shape=()):
        shape = [*batch_shape, self.num_layers, event_size]
        normal = tf.random.stateless_normal(shape, seed, dtype=dtype)
        return dict(log_scale=self.init_scale * normal)


class SharedScales(tff.layers.Shared):
    family_class = ScalesFamily


class AmortizedScales(tff.layers.Amortized):
    family_class = ScalesFamily


def test_keras_layers():
    z = tf.random.stateless_normal([5, 2], (0, 1))
    shared = SharedScales(3, init_scale=1.0, seed=0)
    x, log_det = shared(z)
    np.testing.assert_allclose(x, shared.bijector.forward(z))
    expected = tf.reduce_sum(tf.math.log(x / z), axis=-1)
    np.testing.assert_allclose(log_det, expected, rtol=1e-4)
    amortized = AmortizedScales(3, init_scale=1.0, seed=0)
    x, log_det = amortized([z, tf.ones([5, 4])])
    again, inverse_log_det = amortized.inverse([x, tf.ones([5, 4])])
    np.testing.assert_allclose(again, z, rtol=1e-5)
    np.testing.assert_allclose(inverse_log_det, -log_det, rtol=1e-5)
    expected = tf.reduce_sum(tf.math.log(x / z), axis=-1)
    np.testing.assert_allclose(log_det, expected, rtol=1e-4)


def test_flows_are_built_and_fitted_but_not_saved(tmp_path):
    flow = tff.distributions.build_flow(ScalesFamily, 2, 3, seed=0)
    assert flow.log_prob(tf.ones([4, 2])).shape == [4]
    with pytest.raises(
        ValueError, match=r"save its variables with tf\.train\.Checkpoint"
    ):
        tff.distributions.save(flow, tmp_path / "flow.npz")
