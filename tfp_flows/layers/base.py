"""What amortised and shared flow layers have in common."""

import dataclasses
import random
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors, numerics
from tfp_flows.layers.checks import check_num_weights


def forward_and_log_det(
    bijector: tfp.bijectors.Bijector, x: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The image of `x`, `[..., D]`, and the log-det there, `[...]`.

    In one pass by the bijectors of this package; in two by any other.
    """
    if hasattr(bijector, "forward_and_log_det"):
        return bijector.forward_and_log_det(x)
    return bijector.forward(x), bijector.forward_log_det_jacobian(x, event_ndims=1)


class FlowLayer(keras.layers.Layer):
    """A Keras layer that moves points by a flow, and returns them with the log-det.

    It computes in the dtype of its variables, whatever the policy: with
    `mixed_float16` and `mixed_bfloat16`, points and log-dets are float32, since sums of
    log-dets in half precision lose the bound that is trained on.
    """

    family_class: ClassVar[type[bijectors.Family]]

    def __init__(
        self,
        num_layers: int,
        *,
        init_scale: float = 0.1,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Builds the layer.

        Args:
          num_layers: K, Python `int`.
          init_scale: how far from the identity the flow starts, the standard deviation of
            the initial displacements; 0 is the identity.
          seed: Python `int`, seed of the initial values; `None` leaves it to
            `keras.utils.set_random_seed`.
          **kwargs: further arguments of the family, and `name`, `dtype` and what else
            `keras.layers.Layer` takes.

        Raises:
          ValueError: if `num_layers` is no integer >= 1, or `init_scale` is negative;
            when called, if the shapes of the inputs do not fit.
          TypeError: if `seed` is no integer; when called, if an input is not floating.
        """
        names = {field.name for field in dataclasses.fields(self.family_class)}
        options = {name: kwargs.pop(name) for name in names & set(kwargs)}
        # Keras would round the points to half precision before `call`.
        super().__init__(autocast=False, **kwargs)
        self.family = self.family_class(num_layers, init_scale, **options)
        self.seed = numerics.check_int_seed(seed)

    @property
    def num_layers(self) -> int:
        """The number of layers K, a Python `int`."""
        return self.family.num_layers

    def initial_values(self, event_size: int) -> dict[str, np.ndarray]:
        """Unconstrained parameters near the identity, even while Keras traces a graph."""
        self._check_num_parameters(event_size)
        # As Keras' initialisers: without a seed, keras.utils.set_random_seed decides.
        seed = random.randint(1, 10**9) if self.seed is None else self.seed
        with tf.init_scope():
            values = self.family.initial_values(
                event_size,
                seed=numerics.stateless_seed(seed),
                dtype=tf.as_dtype(self.variable_dtype),
            )
            values = self.family.unconstrain(values)
        return {name: value.numpy() for name, value in values.items()}

    def _check_num_parameters(self, event_size: int) -> None:
        """Raises ValueError, before anything is allocated, if they would be too many."""
        name, dtype = type(self).__name__, tf.as_dtype(self.variable_dtype)
        # No family has fewer; and with more, shapes would overflow.
        check_num_weights(name, self.num_layers * event_size)
        with tf.Graph().as_default():  # of which only the shapes are looked at
            values = self.family.initial_values(
                event_size, seed=tf.zeros([2], tf.int32), dtype=dtype
            )
        sizes = [value.shape.num_elements() for value in values.values()]
        check_num_weights(name, sum(sizes))

    def add_parameters(self, values: dict[str, np.ndarray]) -> dict[str, keras.Variable]:
        """Weights of these names that start at these values."""
        return {
            name: self.add_weight(
                name=name,
                shape=value.shape,
                initializer=lambda shape, dtype=None, value=value: tf.cast(value, dtype),
                autocast=False,
            )
            for name, value in values.items()
        }

    def output_spec(self, z_shape: tuple) -> tuple[keras.KerasTensor, ...]:
        """Symbolic outputs for points of shape `[..., D]`."""
        return tuple(
            keras.KerasTensor(shape, dtype=self.variable_dtype)
            for shape in self.output_shapes(z_shape)
        )

    def output_shapes(self, z_shape: tuple) -> tuple[tuple, tuple]:
        """Shapes of the outputs for points of shape `[..., D]`."""
        return tuple(z_shape), tuple(z_shape[:-1])

    def get_config(self) -> dict:
        """The arguments of the constructor, for `from_config`."""
        config = super().get_config() | dataclasses.asdict(self.family)
        return config | dict(seed=self.seed)
