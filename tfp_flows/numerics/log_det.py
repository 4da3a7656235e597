"""The one scalar from which every log-det-Jacobian of this package is built."""

import math
from typing import NamedTuple

import tensorflow as tf


def log_blend(
    complement: tf.Tensor, weight: tf.Tensor, q_minus_one: tf.Tensor, log_q: tf.Tensor
) -> tf.Tensor:
    """log((1 - weight) + weight * q) without cancellation, for any q > 0.

    Planar, radial and Sylvester Jacobians all have eigenvalues of this form, a blend of
    1 and q with a weight in [0, 1] that depends on the point and a q that depends on
    the parameters. The factors of q are passed in the two forms that are exact at the
    two ends: `q_minus_one` where q is near 1 and `log_q` where q is near 0.

    `log|1 + weight (q - 1)|`, the textbook form, has no digit left once q is below the
    dtype's epsilon, and is -inf or garbage for smaller q; adding an epsilon inside the
    logarithm biases the bound. Here:

    - where weight * (q - 1) > -1/2, log1p(weight * (q - 1)): relative precision also
      when the blend is within epsilon of 1;
    - elsewhere, log(complement + weight * q): both terms positive, rescaled where q is
      no normal number, which keeps it exact down to log(q) = -164 in float32 and -1313
      in float64. Below that, log(q) saturates at this bound.

    Args:
      complement: `Tensor`, 1 - weight, computed without subtracting from 1.
      weight: `Tensor` in [0, 1], of broadcastable shape.
      q_minus_one: `Tensor`, q - 1 > -1, of broadcastable shape.
      log_q: `Tensor`, log(q), of the shape of `q_minus_one`.

    Returns:
      `Tensor` of the broadcast shape.
    """
    return blend(complement, weight, q_minus_one, log_q).log


class Blend(NamedTuple):
    """The blend (1 - weight) + weight * q, as a logarithm and as a fraction.

    Attributes:
      log: `Tensor`, its logarithm, as `log_blend` returns it.
      denominator: `Tensor`, scale * blend, a normal number.
      scale: `Tensor` like it, 1 unless the blend depends on a q that is no normal number.
      scaled_q: `Tensor` like it, scale * q.
    """

    log: tf.Tensor
    denominator: tf.Tensor
    scale: tf.Tensor
    scaled_q: tf.Tensor


def blend(
    complement: tf.Tensor, weight: tf.Tensor, q_minus_one: tf.Tensor, log_q: tf.Tensor
) -> Blend:
    """What `log_blend` returns, and what its derivatives need; same arguments."""
    excess = weight * q_minus_one
    is_near = excess > -0.5
    log_max = math.log(float(weight.dtype.max))
    log_q = tf.maximum(log_q, -1.85 * log_max)
    log_scale = tf.maximum(-log_q - 0.9 * log_max, 0.0)
    scale, scaled_q = tf.exp(log_scale), tf.exp(log_q + log_scale)
    scaled = complement * scale + weight * scaled_q

    # One logarithm serves both cases, as log1p(e) = log(r) + (e - (r - 1)) / r for the
    # rounded r = 1 + e, up to the square of its rounding error. The correction matters
    # next to r = 1, where it needs no division.
    near = tf.where(is_near, excess, tf.zeros_like(excess))
    rounded = 1.0 + near
    denominator = tf.where(is_near, rounded, scaled)
    lost = tf.where(near < 1.0, near - (rounded - 1.0), tf.zeros_like(near))
    log = tf.math.log(denominator) + tf.where(is_near, lost, -log_scale)
    scale = tf.where(is_near, tf.ones_like(scale), scale)
    scaled_q = tf.where(is_near, 1.0 + q_minus_one, scaled_q)
    return Blend(log, denominator, scale, scaled_q)
