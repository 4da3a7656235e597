"""What amortised and shared flow layers have in common."""

import dataclasses
import numbers
import random

import keras
import tensorflow as tf

from tfp_flows import numerics


class FlowLayer(keras.layers.Layer):
    """A Keras layer that moves points by a flow, and returns them with the log-det.

    It computes in the dtype of its variables, whatever the policy: with
    `mixed_float16` and `mixed_bfloat16`, points and log-dets are float32, since sums of
    log-dets in half precision lose the bound that is trained on.
    """

    def __init__(self, kind, *, seed=None, **kwargs):
        # Keras would round the points to half precision before `call`.
        super().__init__(autocast=False, **kwargs)
        if seed is not None and not isinstance(seed, numbers.Integral):
            raise TypeError(
                f"`seed` must be a Python int or None, to be saved, but got {seed!r}."
            )
        self.kind = kind
        self.seed = seed

    @property
    def num_layers(self):
        """The number of layers K, a Python `int`."""
        return self.kind.num_layers

    def initial_values(self, event_size):
        """Parameters near the identity, name = array, even while Keras traces a graph."""
        # As Keras' initialisers: without a seed, keras.utils.set_random_seed decides.
        seed = random.randint(1, 10**9) if self.seed is None else self.seed
        with tf.init_scope():
            values = self.kind.initial_values(
                event_size,
                seed=numerics.stateless_seed(seed),
                dtype=tf.as_dtype(self.variable_dtype),
            )
        return {name: value.numpy() for name, value in values.items()}

    def output_spec(self, z_shape):
        """Symbolic outputs for points of shape `[..., D]`."""
        return tuple(
            keras.KerasTensor(shape, dtype=self.variable_dtype)
            for shape in self.output_shapes(z_shape)
        )

    def output_shapes(self, z_shape):
        """Shapes of the outputs for points of shape `[..., D]`."""
        return tuple(z_shape), tuple(z_shape[:-1])

    def get_config(self):
        """The arguments of the constructor, for `from_config`."""
        config = super().get_config() | dataclasses.asdict(self.kind)
        return config | dict(seed=self.seed)


def check_kind_arguments(num_layers, init_scale):
    """`num_layers`, `init_scale` as Python numbers, or a ValueError."""
    num_layers = numerics.check_size("num_layers", num_layers)
    if not init_scale >= 0.0:
        raise ValueError(f"`init_scale` must be at least 0, but got {init_scale!r}.")
    return num_layers, float(init_scale)
