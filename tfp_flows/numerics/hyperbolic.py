"""The hyperbolic tangent and what cancels next to it, to full relative precision."""

from collections.abc import Callable

import tensorflow as tf

# Levels of Lambert's fraction for a relative error below epsilon / 4 at |s| = 1.
_LEVELS = {tf.float64: (19, 17, 15, 13, 11, 9, 7, 5, 3)}
_LEVELS_SINGLE = (11, 9, 7, 5, 3)


@tf.custom_gradient
def tanh_and_slope(s: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], Callable]:
    """tanh(s) and its derivative sech(s)^2, both to full relative precision.

    1 - tanh(s)^2 has no digit left for |s| > 9 in float32.
    """
    # One exponential; sech(s) = 2 / (e^s + e^-s) squared overflows for |s| > 44.
    e = tf.exp(-2.0 * tf.abs(s))

    def grad(by_tanh: tf.Tensor, by_slope: tf.Tensor) -> tf.Tensor:
        # By the function itself, so that derivatives of any order are right, at 0 too,
        # where those of |s| are not.
        tanh, slope = tanh_and_slope(s)
        return slope * (by_tanh - 2.0 * tanh * by_slope)

    return (tf.tanh(s), 4.0 * e / tf.square(1.0 + e)), grad


def tanh_remainder(s: tf.Tensor) -> tf.Tensor:
    """The difference s - tanh(s), to full relative precision also where it is s^3 / 3."""
    # Lambert's continued fraction tanh(s) = s / (1 + r), r = s^2 / (3 + s^2 / (5 + ...)),
    # has positive terms only, hence s - tanh(s) = s r / (1 + r) does not cancel.
    is_near = tf.abs(s) < 1.0
    near = tf.where(is_near, s, tf.zeros_like(s))
    squared = tf.square(near)
    fraction = tf.zeros_like(s)
    for level in _LEVELS.get(s.dtype, _LEVELS_SINGLE):
        fraction = squared / (level + fraction)
    return tf.where(is_near, near * fraction / (1.0 + fraction), s - tf.tanh(s))
