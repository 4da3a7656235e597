"""Data in units of their mean and standard deviation."""

from collections.abc import Sequence

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfp_flows")
class Standardize(keras.layers.Layer):
    """`(x - mean) / scale` per entry of the last axis; the identity until it is set.

    Like `keras.layers.Normalization`, but never in half precision, and constant entries
    are only centred. `mean` and `scale` are weights that do not train, of shape `[D]`.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__(autocast=False, **kwargs)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the weights."""
        arguments = dict(shape=input_shape[-1:], trainable=False, autocast=False)
        self.mean = self.add_weight(name="mean", initializer="zeros", **arguments)
        self.scale = self.add_weight(name="scale", initializer="ones", **arguments)
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Standardised `x`, `[..., D]`, in the dtype of the weights."""
        return (tf.cast(x, self.variable_dtype) - self.mean) / self.scale

    def set_to(self, batches: Sequence[npt.ArrayLike]) -> None:
        """Sets the weights to mean and standard deviation of batches `[..., D]`."""
        (size,) = self.mean.shape
        rows = [
            np.reshape(np.asarray(batch, np.float64), [-1, size]) for batch in batches
        ]
        count = sum(map(len, rows))
        mean = sum(row.sum(axis=0) for row in rows) / count
        variance = sum(((row - mean) ** 2).sum(axis=0) for row in rows) / count
        scale = np.sqrt(variance)
        is_constant = scale <= np.finfo(np.float32).eps * np.abs(mean)
        self.mean.assign(mean)
        self.scale.assign(np.where(is_constant, 1.0, scale))

    def compute_output_spec(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """The symbolic result."""
        return keras.KerasTensor(x.shape, dtype=self.variable_dtype)
