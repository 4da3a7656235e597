"""What amortised and shared flow layers have in common."""

import dataclasses
import numbers
import random
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfp_flows import bijectors, numerics


class FlowLayer(keras.layers.Layer):
    """A Keras layer that moves points by a flow, and returns them with the log-det.

    It computes in the dtype of its variables, whatever the policy: with
    `mixed_float16` and `mixed_bfloat16`, points and log-dets are float32, since sums of
    log-dets in half precision lose the bound that is trained on.
    """

    def __init__(
        self, family: bijectors.Family, *, seed: int | None = None, **kwargs: Any
    ) -> None:
        """Builds the layer.

        Args:
          family: the layers of the flow.
          seed: Python `int`, seed of the initial values; `None` leaves it to
            `keras.utils.set_random_seed`.
          **kwargs: `name`, `dtype` and what else `keras.layers.Layer` takes.

        Raises:
          TypeError: if `seed` is no integer.
        """
        # Keras would round the points to half precision before `call`.
        super().__init__(autocast=False, **kwargs)
        if seed is not None and not isinstance(seed, numbers.Integral):
            raise TypeError(
                f"`seed` must be a Python int or None, to be saved, but got {seed!r}."
            )
        self.family = family
        self.seed = seed

    @property
    def num_layers(self) -> int:
        """The number of layers K, a Python `int`."""
        return self.family.num_layers

    def initial_values(self, event_size: int) -> dict[str, np.ndarray]:
        """Unconstrained parameters near the identity, even while Keras traces a graph."""
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
