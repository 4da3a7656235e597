"""Flow layers whose parameters come from an encoder, one flow per data point."""

import math

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.layers.base import FlowLayer, forward_and_log_det
from tfp_flows.layers.checks import (
    check_floating,
    check_num_weights,
    check_pair,
    check_pair_of_shapes,
    check_vectors,
)

# A kernel of zeros would leave the encoder without a gradient at the first step.
_LEAST_SCALE = 1e-3


class Amortized(FlowLayer):
    """The layers of a family with parameters per data point: `[z0, h] -> (zK, log_det)`.

    Base of `AmortizedPlanar` and others, and of those of families that users define (see
    `Shared`).

    A `keras.layers.Dense` takes h to the parameters of a flow for each data point, or to
    those that the family has as `amortized_names`; the others are weights. It starts with
    the near-identity parameters of the shared layer of the same kind as biases, and a
    kernel that moves them by `init_scale` or so per unit of h.
    """

    def build(self, input_shape: list) -> None:
        """Makes the map from h to the parameters."""
        name = type(self).__name__
        z_shape, h_shape = check_pair_of_shapes(name, input_shape)
        event_size = check_vectors(name, "z0", z_shape)
        check_vectors(name, "h", h_shape)
        weights = self.initial_values(event_size)
        names = self.family.unconstrained_names()
        from_h = [names[n] for n in self.family.amortized_names or names]
        values = {name: weights.pop(name) for name in from_h if name in weights}
        self._weights = self.add_parameters(weights)
        self._shapes = {name: value.shape for name, value in values.items()}
        bias = np.concatenate([np.ravel(value) for value in values.values()])
        check_num_weights(name, (h_shape[-1] + 1) * bias.size)
        self.dense = keras.layers.Dense(
            bias.size,
            kernel_initializer=keras.initializers.VarianceScaling(
                max(self.family.init_scale, _LEAST_SCALE) ** 2,
                mode="fan_in",
                distribution="normal",
                seed=numerics.unsigned_seed(self.seed, 32),
            ),
            bias_initializer=lambda shape, dtype=None: tf.cast(bias, dtype),
            dtype=self.dtype_policy,
            name="parameters",
        )
        self.dense.build(h_shape)
        self.built = True

    def bijector_at(self, h: tf.Tensor) -> tfp.bijectors.Bijector:
        """The flow of each data point, z0 to zK, as a `tfb.Bijector`.

        Args:
          h: `Tensor` of shape `[B, H]`.

        Returns:
          `tfb.Bijector` of batch shape `[B]`.

        Raises:
          ValueError: if the layer has not been built.
        """
        if not self.built:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} has no weights yet; call it on "
                "[z0, h], or build([(None, D), (None, H)]), first."
            )
        flat = tf.cast(self.dense(h), self.variable_dtype)
        values = {name: weight.value for name, weight in self._weights.items()}
        values |= _split(flat, self._shapes)
        return self.family.stack(self.parameters(values))

    def parameters(self, values: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Parameters of the stack from what the map from h returns, any numbers."""
        return self.family.constrain(values)

    def call(self, inputs: list) -> tuple[tf.Tensor, tf.Tensor]:
        """The image zK `[..., B, D]` of z0 and the log-det `[..., B]`."""
        z0, h = self._points_and_features(inputs)
        return forward_and_log_det(self.bijector_at(h), z0)

    def inverse(self, inputs: list) -> tuple[tf.Tensor, tf.Tensor]:
        """The points whose images are given, and the log-det of the inverse there.

        Args:
          inputs: zK, `Tensor` of shape `[..., B, D]`, and h, `[B, H]`.

        Returns:
          z0, `[..., B, D]`, and log|det dz0/dzK|, `[..., B]`, minus the log-det that
          calling the layer on `[z0, h]` returns.
        """
        zK, h = self._points_and_features(inputs)
        bijector = self.bijector_at(h)
        return bijector.inverse(zK), bijector.inverse_log_det_jacobian(zK, event_ndims=1)

    def _points_and_features(self, inputs: list) -> tuple[tf.Tensor, tf.Tensor]:
        name = type(self).__name__
        points, h = check_pair(name, inputs)
        check_floating(name, z0=points, h=h)
        check_pair_of_shapes(name, [tuple(points.shape), tuple(h.shape)])
        return tf.cast(points, self.variable_dtype), h

    def compute_output_shape(self, input_shape: list) -> tuple[tuple, tuple]:
        """Shapes `[..., B, D]` and `[..., B]`."""
        z_shape, _ = check_pair_of_shapes(type(self).__name__, input_shape)
        return self.output_shapes(z_shape)

    def compute_output_spec(self, inputs: list) -> tuple[keras.KerasTensor, ...]:
        """Symbolic outputs."""
        z0, h = check_pair(type(self).__name__, inputs)
        check_floating(type(self).__name__, z0=z0, h=h)
        z_shape, _ = check_pair_of_shapes(type(self).__name__, [z0.shape, h.shape])
        return self.output_spec(z_shape)


def _split(flat: tf.Tensor, shapes: dict[str, tuple[int, ...]]) -> dict[str, tf.Tensor]:
    """`[..., P]` into parameters `[..., *shape]`, in the order of `shapes`."""
    parts = tf.split(flat, [math.prod(shape) for shape in shapes.values()], axis=-1)
    batch = tf.shape(flat)[:-1]
    result = {}
    for (name, shape), part in zip(shapes.items(), parts, strict=True):
        value = tf.reshape(part, tf.concat([batch, shape], axis=0))
        result[name] = tf.ensure_shape(value, flat.shape[:-1].concatenate(shape))
    return result
