"""Row vectors on their way through the Jacobians of K radial layers.

With the offset o = z - center, r = ||o||, a = alpha / (alpha + r), and the eigenvalues of
the Jacobian J of a layer, A across the ray and B along it, a row vector g goes through J
and its inverse as

    g J    = A g   + <g, o> ((B - A) / r^2) o,
    g J^-1 = g / A + <g, o> ((1/B - 1/A) / r^2) o.

So the gradients of both directions, and the score of the image, need the offsets alone.
Automatic differentiation of the loops would store every intermediate number of every
layer.
"""

from typing import NamedTuple

import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.bijectors.layer_loop import run_layers
from tfp_flows.bijectors.radial_layer import RadialLayers, radial_scale


class Jacobian(NamedTuple):
    """What a row vector g becomes: multiple g + (along <g, o> + pull) o.

    Attributes:
      multiple: `Tensor` of shape `[K, *B, S]`, an eigenvalue.
      excess: `Tensor` like it, multiple - 1, precise also near 0.
      along: `Tensor` like it, the difference of the eigenvalues over r^2.
      pull: `Tensor` like it, what the gradient by the radius adds.
    """

    multiple: tf.Tensor
    excess: tf.Tensor
    along: tf.Tensor
    pull: tf.Tensor


def forward_jacobian(r: tf.Tensor, by_r: tf.Tensor, layers: RadialLayers) -> Jacobian:
    """What takes g to g J + by_r dr / dz."""
    a = layers.alpha / (layers.alpha + r)
    excess = layers.q_minus_one * a
    # (B - A) / r^2 = -(q - 1) a / ((alpha + r) r).
    along = _over_radius(-excess / (layers.alpha + r), r)
    return Jacobian(radial_scale(r, layers), excess, along, _over_radius(by_r, r))


def inverse_jacobian(r: tf.Tensor, by_r: tf.Tensor, layers: RadialLayers) -> Jacobian:
    """What takes g to (g + by_r dr / dz) J^-1."""
    a = layers.alpha / (layers.alpha + r)
    multiple, multiple_along = 1.0 / radial_scale(r, layers), inverse_along(r, layers)
    excess = -layers.q_minus_one * a * multiple
    # 1/B - 1/A = (A - B) / (A B)
    along = _over_radius(-excess * multiple_along / (layers.alpha + r), r)
    return Jacobian(multiple, excess, along, _over_radius(by_r * multiple_along, r))


def inverse_along(r: tf.Tensor, layers: RadialLayers) -> tf.Tensor:
    """1 / B, of B = (r^2 + 2 alpha r + alpha p) / (alpha + r)^2."""
    total = layers.alpha + r
    a = layers.alpha / total
    return 1.0 / ((r / total) * (1.0 + a) + a * (layers.p / total))


def _over_radius(value: tf.Tensor, r: tf.Tensor) -> tf.Tensor:
    """The value / r, and 0 on the center, where the norm's gradient counts as 0."""
    is_center = tf.equal(r, 0.0)
    ratio = value / tf.where(is_center, tf.ones_like(r), r)
    return tf.where(is_center, tf.zeros_like(ratio), ratio)


def carry(
    g: tf.Tensor, offsets: tf.Tensor, jacobian: Jacobian, reverse: bool = False
) -> tuple[tf.Tensor, tf.Tensor]:
    """Takes row vectors `[D, *B, S]` through the layers.

    Returns:
      The last vectors, and those before each layer, `[K, D, *B, S]`.
    """

    def move(k: tf.Tensor, g: tf.Tensor) -> tuple:
        offset = offsets[k]
        strength = jacobian.along[k] * tf.reduce_sum(g * offset, axis=0)
        strength += jacobian.pull[k]
        return jacobian.multiple[k] * g + strength * offset, g

    return run_layers(move, g, offsets.shape[0], reverse=reverse)


def center_gradient(rows: tf.Tensor, offsets: tf.Tensor, jacobian: Jacobian) -> tf.Tensor:
    """Gradients by the centers, `[*B, K, D]`: a map that is z + h(z - center)."""
    strength = jacobian.along * tf.reduce_sum(rows * offsets, axis=1) + jacobian.pull
    by_offset = jacobian.excess[:, tf.newaxis] * rows + strength[:, tf.newaxis] * offsets
    by_center = -numerics.sum_last_axis(by_offset)  # [K, D, *B]
    rank = by_center.shape.rank
    return tf.transpose(by_center, [*range(2, rank), 0, 1])
