"""Tangents, by which batches of rows are compared with all."""

import tensorflow as tf


class Tangent:
    """The tangent of a function at a point `[1, D]`: `value + slope . (z - point)`."""

    def __init__(self, point: tf.Tensor, value: tf.Tensor, slope: tf.Tensor) -> None:
        self.point, self.value, self.slope = point, value, slope

    def at(self, z: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
        """Its values at `[S, D]`, of `dtype`."""
        rise = tf.linalg.matvec(z - self.point, self.slope[0])
        return tf.cast(self.value, dtype) + tf.cast(rise, dtype)
