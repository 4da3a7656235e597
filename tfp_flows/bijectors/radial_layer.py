"""The mathematics of one radial layer, which Radial and RadialStack share."""

from typing import NamedTuple

import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.numerics.log_det import Blend


class RadialLayers(NamedTuple):
    """Radial layers with the constraint that makes them bijections.

    `...` is the shape of one layer, `[]`, or of K layers, `[*B, K]`.

    Attributes:
      center: `Tensor` of shape `[..., D]`.
      alpha: `Tensor` of shape `[...]`.
      p: `Tensor` of shape `[...]`, softplus(beta) > 0.
      q: `Tensor` of shape `[...]`, p / alpha = 1 + beta_hat / alpha > 0.
      q_minus_one: `Tensor` of shape `[...]`, q - 1, precise also where q is near 1.
      log_q: `Tensor` of shape `[...]`, log(q), precise also where q underflows.
    """

    center: tf.Tensor
    alpha: tf.Tensor
    p: tf.Tensor
    q: tf.Tensor
    q_minus_one: tf.Tensor
    log_q: tf.Tensor


def constrain_radial(
    center: tf.Tensor, alpha: tf.Tensor, beta: tf.Tensor
) -> RadialLayers:
    """The factors p and q = p / alpha, in exact forms.

    Args:
      center: `Tensor` of shape `[..., D]`.
      alpha: `Tensor` of shape `[...]`.
      beta: `Tensor` of shape `[...]`.

    Returns:
      `RadialLayers`, whose factors have the broadcast shape of `alpha` and `beta`.
    """
    # In float64, whatever the dtype: per layer, not per point, and p - alpha keeps its
    # relative precision near the identity.
    dtype = alpha.dtype
    wide, beta = tf.cast(alpha, tf.float64), tf.cast(beta, tf.float64)
    p = tf.math.softplus(beta)
    log_q = numerics.log_softplus(beta) - tf.math.log(wide)
    # Where p underflows the dtype, its least normal number: never divide by 0.
    narrow_p = tf.maximum(tf.cast(p, dtype), 4.0 / dtype.max)
    factors = (tf.cast(value, dtype) for value in (p / wide, (p - wide) / wide, log_q))
    return RadialLayers(center, alpha, narrow_p, *factors)


def check_radial(
    is_init: bool,
    bijector: str,
    *,
    center: tf.Tensor,
    alpha: tf.Tensor,
    beta: tf.Tensor,
) -> list:
    """Ops that fail unless parameters are finite and `alpha` is positive.

    Args:
      is_init: as of `numerics.check_finite`.
      bijector: name of the bijector, for the message.
      center: floating `Tensor` or `tf.Variable` of shape `[..., D]`.
      alpha: floating `Tensor` or `tf.Variable` of shape `[...]`.
      beta: like `alpha`.

    Returns:
      List of ops.
    """
    checks = numerics.check_finite(is_init, bijector, center=center, beta=beta)
    if is_init != numerics.is_live(alpha):
        alpha = tf.convert_to_tensor(alpha)  # read once for both checks
        checks += numerics.check_finite(True, bijector, alpha=alpha)
        message = f"{bijector}: `alpha` must be positive"
        checks.append(tf.debugging.assert_positive(alpha, message=message))
    return checks


def radial_scale(r: tf.Tensor, layer: RadialLayers) -> tf.Tensor:
    """(p + r) / (alpha + r), by which a point at radius `r` moves along its ray.

    Args:
      r: `Tensor` of shape `[...]`, ||z - center||.
      layer: `RadialLayers`.

    Returns:
      `Tensor` of shape `[...]`.
    """
    return (layer.p + r) / (layer.alpha + r)


def radial_log_det(r: tf.Tensor, layer: RadialLayers, event_size: tf.Tensor) -> tf.Tensor:
    """log|det df/dz| at radius `r`, `[...]`; arguments as in `radial_scale`."""

    @tf.custom_gradient
    def log_det(
        r: tf.Tensor, alpha: tf.Tensor, q_minus_one: tf.Tensor, log_q: tf.Tensor
    ) -> tuple:
        # The derivatives in closed form: automatic ones go through both cases of both
        # blends.
        a, across, along = _blends(r, alpha, q_minus_one, log_q)

        def grad(upstream: tf.Tensor) -> tuple:
            by_a, by_log_q = _log_det_slopes(a, across, along, q_minus_one, event_size)
            by_a *= upstream
            by_r = -by_a * a / (alpha + r)
            by_alpha = by_a * (r / (alpha + r)) / (alpha + r)
            # The factors are functions of one q: its gradient is that of the logarithm.
            return (
                numerics.sum_to_shape_of(by_r, r),
                numerics.sum_to_shape_of(by_alpha, alpha),
                tf.zeros_like(q_minus_one),
                numerics.sum_to_shape_of(upstream * by_log_q, log_q),
            )

        return _times_across(across.log, event_size) + along.log, grad

    return log_det(r, layer.alpha, layer.q_minus_one, layer.log_q)


def radial_log_det_slope(
    r: tf.Tensor, layer: RadialLayers, event_size: tf.Tensor
) -> tf.Tensor:
    """The derivative of `radial_log_det` by `r`; same arguments."""
    a, across, along = _blends(r, layer.alpha, layer.q_minus_one, layer.log_q)
    by_a, _ = _log_det_slopes(a, across, along, layer.q_minus_one, event_size)
    return -by_a * a / (layer.alpha + r)


def _blends(
    r: tf.Tensor, alpha: tf.Tensor, q_minus_one: tf.Tensor, log_q: tf.Tensor
) -> tuple:
    """The weight a = alpha / (alpha + r), and the eigenvalues, blends of 1 and q.

    (p + r) / (alpha + r) has weight a, across the ray, D - 1 times; (r^2 + 2 alpha r +
    alpha p) / (alpha + r)^2 has weight a^2, along the ray.
    """
    a, rest = alpha / (alpha + r), r / (alpha + r)
    across = numerics.blend(rest, a, q_minus_one, log_q)
    along = numerics.blend(rest * (1.0 + a), tf.square(a), q_minus_one, log_q)
    return a, across, along


def _log_det_slopes(
    a: tf.Tensor,
    across: Blend,
    along: Blend,
    q_minus_one: tf.Tensor,
    event_size: tf.Tensor,
) -> tuple:
    """Derivatives of the log-det by a and by log(q)."""

    def slopes(blend: Blend, weight: tf.Tensor, by_a: tf.Tensor) -> tuple:
        # Of 1 + weight (q - 1), in an order that does not overflow where q is no normal
        # number.
        return (
            (by_a * blend.scale / blend.denominator) * q_minus_one,
            weight * (blend.scaled_q / blend.denominator),
        )

    across_by_a, across_by_log_q = slopes(across, a, tf.ones_like(a))
    along_by_a, along_by_log_q = slopes(along, tf.square(a), 2.0 * a)
    return (
        _times_across(across_by_a, event_size) + along_by_a,
        _times_across(across_by_log_q, event_size) + along_by_log_q,
    )


def _times_across(value: tf.Tensor, event_size: tf.Tensor) -> tf.Tensor:
    return (tf.cast(event_size, value.dtype) - 1.0) * value


def radial_score(offset: tf.Tensor, score: tf.Tensor, layer: RadialLayers) -> tf.Tensor:
    """The score of the image: J^-T (score - d log|det J| / dz).

    J has the eigenvalue A = (p + r) / (alpha + r) across the ray, and along it B = (r^2 +
    2 alpha r + alpha p) / (alpha + r)^2; the log-det depends on the radius alone.

    Args:
      offset: `Tensor` of shape `[..., D]`, z - center.
      score: `Tensor` like `offset`.
      layer: `RadialLayers` of shape `[...]`.

    Returns:
      `Tensor` of shape `[..., D]`.
    """
    r = numerics.safe_norm(offset)
    a, rest = layer.alpha / (layer.alpha + r), r / (layer.alpha + r)
    across = rest + a * layer.q
    along = rest * (1.0 + a) + tf.square(a) * layer.q
    # d log A / dr = (1 - q) a^2 / (alpha A), d log B / dr = 2 (1 - q) a^3 / (alpha B).
    pull = -layer.q_minus_one * tf.square(a) / layer.alpha
    event_size = tf.cast(tf.shape(offset)[-1], r.dtype)
    by_radius = pull * ((event_size - 1.0) / across + 2.0 * a / along)
    is_center = tf.equal(r, 0.0)
    ray = offset / tf.where(is_center, tf.ones_like(r), r)[..., tf.newaxis]
    score = score - ray * by_radius[..., tf.newaxis]
    # 1 / B - 1 / A, without the cancellation near the identity.
    excess = layer.q_minus_one * a * rest / (across * along)
    inward = tf.reduce_sum(ray * score, axis=-1) * excess
    return score / across[..., tf.newaxis] + ray * inward[..., tf.newaxis]


def solve_radius(g: tf.Tensor, layer: RadialLayers) -> tf.Tensor:
    """The radius r of the point that a layer takes to radius g = ||y - center||.

    The non-negative root of r^2 + (p - g) r - alpha g = 0, from
    g = r (p + r) / (alpha + r) (Rezende & Mohamed 2015, appendix A.2).

    Args:
      g: `Tensor` of shape `[...]`.
      layer: `RadialLayers`.

    Returns:
      `Tensor` of shape `[...]`.
    """
    half = 0.5 * (layer.p - g)
    product = layer.alpha * g
    # (half / scale)^2 neither over- nor underflows; the result does not depend on it.
    scale = tf.stop_gradient(tf.maximum(tf.abs(half), tf.sqrt(product)))
    scale = tf.maximum(scale, 4.0 / g.dtype.max)
    root = scale * tf.sqrt(tf.square(half / scale) + (layer.alpha / scale) * (g / scale))
    # Of the two forms of the root, the one that adds numbers of one sign.
    is_inside = half > 0.0
    denominator = tf.where(is_inside, half + root, tf.ones_like(root))
    return tf.where(is_inside, product / denominator, root - half)
