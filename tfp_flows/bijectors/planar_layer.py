"""The mathematics of tanh units, of which planar and Sylvester layers are made."""

import math
from typing import NamedTuple

import tensorflow as tf

from tfp_flows import numerics


class TanhUnits(NamedTuple):
    """Units z + u_hat tanh(w.z + b), with the constraint that makes them bijections.

    `...` is the shape of one unit, `[]`; of K planar layers, `[*B, K]`; of a Sylvester
    layer of M units, `[*B, M]`.

    Attributes:
      w: `Tensor` of shape `[..., D]`.
      b: `Tensor` of shape `[...]`.
      u_hat: `Tensor` of shape `[..., D]`.
      q: `Tensor` of shape `[...]`, 1 + w.u_hat > 0.
      q_minus_one: `Tensor` of shape `[...]`, w.u_hat, precise also where q is near 1.
      log_q: `Tensor` of shape `[...]`, log(q), precise also where q underflows.
    """

    w: tf.Tensor
    b: tf.Tensor
    u_hat: tf.Tensor
    q: tf.Tensor
    q_minus_one: tf.Tensor
    log_q: tf.Tensor


def constrain_planar(u: tf.Tensor, w: tf.Tensor, b: tf.Tensor) -> TanhUnits:
    """The constrained displacement and the factor q = 1 + w.u_hat, in exact forms.

    Args:
      u: `Tensor` of shape `[..., D]`.
      w: `Tensor` of shape `[..., D]`.
      b: `Tensor` of shape `[...]`.

    Returns:
      `TanhUnits`, with q = softplus(w.u).
    """
    return TanhUnits(w, b, *_constrain(u, w))


@tf.custom_gradient
def _constrain(u: tf.Tensor, w: tf.Tensor) -> tuple:
    # In float64, whatever the dtype: w.u_hat keeps its relative precision where it
    # crosses zero, near the identity.
    dtype = u.dtype
    u, w = tf.cast(u, tf.float64), tf.cast(w, tf.float64)
    direction, is_zero = numerics.divide_by_squared_norm(w)
    wu = tf.reduce_sum(w * u, axis=-1, keepdims=True)
    zero = tf.zeros_like(wu)
    values = (
        tf.math.softplus(wu),
        numerics.softplus_minus_one(wu),
        numerics.log_softplus(wu),
    )
    q, q_minus_one, log_q = (
        tf.where(is_zero, at_zero, factor)
        for at_zero, factor in zip((zero + 1.0, zero, zero), values, strict=True)
    )
    # u_hat is the part of u across w, plus m(w.u) along it. That part is taken twice:
    # once leaves a rounding error of the size of u, which may be far above u_hat, and
    # the inverse, which divides by q, would see it as q / (q + error).
    across = u - wu * direction
    across -= tf.reduce_sum(w * across, axis=-1, keepdims=True) * direction
    u_hat = across + q_minus_one * direction

    def grad(by_u_hat: tf.Tensor, *by_factors: tf.Tensor) -> tuple:
        # Closed forms: with amortised parameters there is a layer per point, and
        # automatic differentiation of the above takes twice as long.
        by_u_hat = tf.cast(by_u_hat, tf.float64)
        by_q, by_q_minus_one, by_log_q = (
            tf.cast(factor, tf.float64)[..., tf.newaxis] for factor in by_factors
        )
        # softplus' = sigmoid, and for the logarithm sigmoid / softplus.
        slope = tf.sigmoid(wu)
        by_wu = (by_q + by_q_minus_one) * slope
        by_wu += by_log_q * tf.exp(tf.math.log_sigmoid(wu) - values[2])
        # u_hat = u + c direction, c = m(w.u) - w.u = m(-w.u), dc = -sigmoid(-w.u) d(w.u).
        along = tf.reduce_sum(by_u_hat * direction, axis=-1, keepdims=True)
        by_wu -= along * tf.sigmoid(-wu)
        by_wu = tf.where(is_zero, zero, by_wu)
        c = numerics.softplus_minus_one(-wu)
        inverse = tf.reduce_sum(tf.square(direction), axis=-1, keepdims=True)
        by_u = by_u_hat + by_wu * w
        by_w = by_wu * u + (c * inverse) * by_u_hat - (2.0 * c * along) * direction
        # One of them may have been broadcast against the other.
        by_u, by_w = numerics.sum_to_shape_of(by_u, u), numerics.sum_to_shape_of(by_w, w)
        return tf.cast(by_u, dtype), tf.cast(by_w, dtype)

    factors = [factor[..., 0] for factor in (q, q_minus_one, log_q)]
    return tuple(tf.cast(result, dtype) for result in (u_hat, *factors)), grad


def planar_log_det(s: tf.Tensor, units: TanhUnits) -> tf.Tensor:
    """log(1 + w.u_hat sech^2(s)), as a blend of 1 and q = 1 + w.u_hat.

    Args:
      s: `Tensor` of shape `[...]`, the pre-activation w.z + b.
      units: `TanhUnits`, of a shape that broadcasts against that of `s`.

    Returns:
      `Tensor` of the broadcast shape.
    """
    return _log_det(s, units.q_minus_one, units.log_q)


def along_samples(units: TanhUnits) -> TanhUnits:
    """The scalars of `units`, `[..., K]`, as `[..., K, 1]`, to meet `[..., K, S]`."""
    scalars = (units.q, units.q_minus_one, units.log_q)
    return TanhUnits(None, None, None, *(value[..., tf.newaxis] for value in scalars))


@tf.custom_gradient
def _log_det(s: tf.Tensor, q_minus_one: tf.Tensor, log_q: tf.Tensor) -> tuple:
    # The derivatives in closed form: automatic ones take three times as long, and on
    # the hyperplane, with q below the smallest number, they are 0 * inf.
    t, slope = numerics.tanh_and_slope(s)
    blend = numerics.blend(tf.square(t), slope, q_minus_one, log_q)

    def grad(upstream: tf.Tensor) -> tuple:
        weight = upstream * slope / blend.denominator
        # t scale / denominator is at most 1 / (2 sqrt(q)): no overflow in this order.
        by_s = (t * blend.scale) * weight * (-2.0 * q_minus_one)
        # Both factors are functions of w.u: its gradient goes through the logarithm.
        by_log_q = numerics.sum_to_shape_of(weight * blend.scaled_q, log_q)
        return numerics.sum_to_shape_of(by_s, s), tf.zeros_like(q_minus_one), by_log_q

    return blend.log, grad


def planar_score_terms(s: tf.Tensor, units: TanhUnits) -> tuple:
    """What moves a score through a layer: `score - w rate (u_hat.score + drift)`.

    With v = score - d log|det J| / dz, and the inverse of J = I + sech^2 u_hat w^T by
    Sherman and Morrison, the score of the image, J^-T v, is that with

        rate = sech^2(s) / (1 + w.u_hat sech^2(s)),
        drift = -2 tanh(s) w.u_hat / (1 + w.u_hat sech^2(s)).

    Args:
      s: `Tensor` of shape `[...]`, the pre-activation w.z + b.
      units: `TanhUnits`, of a shape that broadcasts against that of `s`.

    Returns:
      A pair of `Tensor`s of the broadcast shape: rate, drift.
    """
    t, slope = numerics.tanh_and_slope(s)
    blend = numerics.blend(tf.square(t), slope, units.q_minus_one, units.log_q)
    inverse = blend.scale / blend.denominator
    return slope * inverse, -2.0 * units.q_minus_one * (t * inverse)


def solve_pre_activation(c: tf.Tensor, q: tf.Tensor) -> tf.Tensor:
    """The pre-activation s = w.x + b of the point x that a layer takes to y.

    Solves s + (q - 1) tanh(s) = c, which is the scalar product of w with
    y = x + u_hat tanh(w.x + b), plus b (Rezende & Mohamed 2015, appendix A.1, eq. 23,
    with s = alpha + b). The error of s is that of `c` over the slope of the left side;
    relative to s, it is no larger than that of `c` if q <= 1.

    Args:
      c: `Tensor` of shape `[...]`, w.y + b.
      q: `Tensor` of broadcastable shape, 1 + w.u_hat >= 0.

    Returns:
      `Tensor` of the broadcast shape. With gradients up to the third order.
    """
    dtype = c.dtype
    if dtype.size < 4:  # half precision
        c, q = tf.cast(c, tf.float32), tf.cast(q, tf.float32)
    # A slope of 0, where q has underflowed, would give 0 / 0 at c = 0.
    q = tf.maximum(q, 4.0 / c.dtype.max)
    c, q = c + tf.zeros_like(q), q + tf.zeros_like(c)

    def residual(s: tf.Tensor, c: tf.Tensor, q: tf.Tensor) -> tuple:
        # Of q tanh(s) + (s - tanh(s)) = c: on the left, both terms have the sign of s.
        t, slope = numerics.tanh_and_slope(s)
        value = q * t + numerics.tanh_remainder(s) - c
        return value, q * slope + tf.square(t)

    lower, upper, start = _bracket(tf.abs(c), q)
    sign = tf.sign(c)
    s = numerics.monotone_root(
        residual,
        [c, q],
        lower=sign * tf.where(sign < 0.0, upper, lower),
        upper=sign * tf.where(sign < 0.0, lower, upper),
        start=sign * start,
        max_iterations=_MAX_ITERATIONS,
    )
    return tf.cast(s, dtype)


# Newton's method needs 2 to 5 steps from the start below, for c from 1e-300 to 1e10 and
# q from 1e-300 to 1e8; the rest of the allowance is for bisections.
_MAX_ITERATIONS = 50


def _bracket(c: tf.Tensor, q: tf.Tensor) -> tuple:
    """Bounds of s, and the one from which Newton's method never overshoots.

    With g(s) = q tanh(s) + (s - tanh(s)) for s >= 0: if q < 1, g is convex, and Newton
    descends from any upper bound; if q > 1, g is concave, and it climbs from any lower
    bound. Each bound below is sharp in one regime, and the best of them is within a
    small factor of the root in all.
    """
    epsilon = numerics.epsilon(c.dtype)
    # g(s) lies between s and q s, and between s and s + (q - 1).
    low = tf.minimum(c, tf.maximum(c / q, c - (q - 1.0)))
    high = tf.maximum(c, tf.minimum(c / q, c - (q - 1.0)))
    # q < 1: s - tanh(s) >= (1 - tanh 1) s^3 for s <= 1.
    cube = 1.0 - math.tanh(1.0)
    cube_root = tf.pow(tf.minimum(c / cube, 1.0), 1.0 / 3.0)
    high = tf.where(c < cube, tf.minimum(high, tf.maximum(cube_root, c)), high)
    # q > 1: below the knee, where (q - 1) sech^2(s) = 1, (q - 1) tanh(s) >= c - knee;
    # above it, (q - 1) tanh(s) is within 1/2 of q - 1.
    gain = tf.maximum(q - 1.0, 0.25)
    knee = 0.5 * tf.math.log(4.0 * gain)
    ratio = (c - knee) / gain - 8.0 * epsilon
    climb = tf.minimum(tf.atanh(tf.clip_by_value(ratio, 0.0, 1.0 - epsilon)), knee)
    is_steep = q > 1.25
    high = tf.where(is_steep, tf.minimum(high, tf.maximum(knee, low + 0.5)), high)
    low = tf.where(is_steep, tf.maximum(low, tf.minimum(climb, high)), low)
    # Room for the rounding of the bounds.
    room = 8.0 * epsilon
    return (1.0 - room) * low, (1.0 + room) * high, tf.where(q < 1.0, high, low)
