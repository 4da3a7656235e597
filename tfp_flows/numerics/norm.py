"""Norms and normal vectors whose gradients are finite where the vector is zero."""

import tensorflow as tf


def safe_norm(x: tf.Tensor, axis: int = -1) -> tf.Tensor:
    """Euclidean norm over one axis, with gradient 0 at x = 0.

    The gradient of `tf.norm` is NaN there. A vector whose squared norm underflows
    (entries below 1e-19 in float32, 1e-154 in float64) counts as zero.
    """
    squared = tf.reduce_sum(tf.square(x), axis=axis)
    is_zero = squared < _smallest_normal(x.dtype)
    root = tf.sqrt(tf.where(is_zero, tf.ones_like(squared), squared))
    return tf.where(is_zero, tf.zeros_like(root), root)


def divide_by_squared_norm(w: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Vectors w / ||w||^2, `[..., D]`, and whether w is zero or denormal, `[..., 1]`.

    Where it is, the vector is zero.
    """
    scaled, squared, scale, is_zero = _scaled(w)
    return scaled / squared / scale, is_zero


def unit_vector(v: tf.Tensor) -> tf.Tensor:
    """Vectors v / ||v||, `[..., D]`; 0, as the gradient, where v is zero or denormal."""
    scaled, squared, _, _ = _scaled(v)
    return scaled / tf.sqrt(squared)


def _scaled(w: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """The vector over its largest entry, its squared norm, the entry, whether 0."""
    # So that neither tiny nor huge w lose ||w||^2 to underflow or overflow. The results
    # above do not depend on the scale: no gradient.
    largest = tf.stop_gradient(tf.reduce_max(tf.abs(w), axis=-1, keepdims=True))
    is_zero = largest < _smallest_normal(w.dtype)
    scale = tf.where(is_zero, tf.ones_like(largest), largest)
    scaled = tf.where(is_zero, tf.zeros_like(w), w / scale)
    squared = tf.reduce_sum(tf.square(scaled), axis=-1, keepdims=True)
    squared = tf.where(is_zero, tf.ones_like(squared), squared)
    return scaled, squared, scale, is_zero


def _smallest_normal(dtype: tf.DType) -> float:
    # IEEE formats: 2^-126 and max just below 2^128 in float32, alike in the others.
    # Denormals will not do: kernels flush them to zero, so that 0 < denormal is false.
    return 4.0 / float(dtype.max)
