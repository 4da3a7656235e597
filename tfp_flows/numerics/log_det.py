"""The one scalar from which every log-det-Jacobian of this package is built."""

import math

import tensorflow as tf


def log_blend(complement, weight, q_minus_one, log_q):
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
    excess = weight * q_minus_one
    is_near = excess > -0.5
    near = tf.math.log1p(tf.where(is_near, excess, tf.zeros_like(excess)))

    log_max = math.log(float(weight.dtype.max))
    log_q = tf.maximum(log_q, -1.85 * log_max)
    log_scale = tf.maximum(-log_q - 0.9 * log_max, 0.0)
    scaled = complement * tf.exp(log_scale) + weight * tf.exp(log_q + log_scale)
    far = tf.math.log(tf.where(is_near, tf.ones_like(scaled), scaled)) - log_scale
    return tf.where(is_near, near, far)
