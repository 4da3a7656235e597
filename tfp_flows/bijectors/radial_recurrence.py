"""K radial layers on points, the sample axis last: forward, inverse and score."""

import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.bijectors.layer_loop import run_layers
from tfp_flows.bijectors.point_layout import (
    layers_first,
    layers_second_last,
    samples_last,
)
from tfp_flows.bijectors.radial_jacobian import (
    carry,
    center_gradient,
    forward_jacobian,
    inverse_along,
    inverse_jacobian,
)
from tfp_flows.bijectors.radial_layer import (
    RadialLayers,
    radial_log_det_slope,
    radial_scale,
    solve_radius,
)


def forward_radial(x: tf.Tensor, layers: RadialLayers) -> tuple[tf.Tensor, tf.Tensor]:
    """The image of K radial layers, and the radii.

    Args:
      x: `Tensor` of shape `[S, *B, D]`.
      layers: `RadialLayers` of shape `[*B, K]`.

    Returns:
      The image, `[S, *B, D]`, and the radii before each layer, `[*B, K, S]`.
    """
    y, r = _forward(x, layers.center, layers.alpha, layers.p, layers.q_minus_one)
    return y, layers_second_last(r)


def inverse_radial(y: tf.Tensor, layers: RadialLayers) -> tuple[tf.Tensor, tf.Tensor]:
    """The points whose image is `y`, and the radii before each layer.

    Arguments and returns as those of `forward_radial`.
    """
    x, r = _inverse(y, layers.center, layers.alpha, layers.p, layers.q_minus_one)
    return x, layers_second_last(r)


def score_radial(score: tf.Tensor, x: tf.Tensor, layers: RadialLayers) -> tf.Tensor:
    """The score of the image: (score - d log|det J| / dz) J^-1, layer by layer.

    Args:
      score: `Tensor` of shape `[S, *B, D]`.
      x: `Tensor` of shape `[S, *B, D]`, the points.
      layers: `RadialLayers` of shape `[*B, K]`.

    Returns:
      `Tensor` of shape `[S, *B, D]`.
    """
    center, *scalars = layers
    layers = RadialLayers(
        layers_first(center, 1), *(layers_first(value, 0) for value in scalars)
    )
    _, offsets = _push(samples_last(x), layers)
    r = numerics.safe_norm(offsets, axis=1)
    by_r = -radial_log_det_slope(r, layers, event_size=tf.shape(x)[-1])
    score, _ = carry(samples_last(score), offsets, inverse_jacobian(r, by_r, layers))
    return samples_last(score)


@tf.custom_gradient
def _forward(
    x: tf.Tensor,
    center: tf.Tensor,
    alpha: tf.Tensor,
    p: tf.Tensor,
    q_minus_one: tf.Tensor,
) -> tuple:
    """The image, `[S, *B, D]`, and the radii, `[K, *B, S]`."""
    layers = _layers(center, alpha, p, q_minus_one)
    y, offsets = _push(samples_last(x), layers)
    r = numerics.safe_norm(offsets, axis=1)

    def grad(by_y: tf.Tensor, by_r: tf.Tensor) -> tuple:
        jacobian = forward_jacobian(r, by_r, layers)
        by_x, rows = carry(samples_last(by_y), offsets, jacobian, reverse=True)
        by_p = tf.reduce_sum(rows * offsets, axis=1) / (layers.alpha + r)
        by_alpha = -by_p * jacobian.multiple
        by_center = center_gradient(rows, offsets, jacobian)
        return samples_last(by_x), by_center, *_by_layers(by_alpha, by_p, q_minus_one)

    return (samples_last(y), r), grad


@tf.custom_gradient
def _inverse(
    y: tf.Tensor,
    center: tf.Tensor,
    alpha: tf.Tensor,
    p: tf.Tensor,
    q_minus_one: tf.Tensor,
) -> tuple:
    """The points, `[S, *B, D]`, and the radii, `[K, *B, S]`."""
    layers = _layers(center, alpha, p, q_minus_one)

    def move(k: tf.Tensor, z: tf.Tensor) -> tuple:
        layer = _layer(layers, k)
        offset = z - layer.center
        r = solve_radius(numerics.safe_norm(offset, axis=0), layer)
        offset /= radial_scale(r, layer)
        return layer.center + offset, offset

    x, offsets = run_layers(move, samples_last(y), alpha.shape[-1], reverse=True)
    r = numerics.safe_norm(offsets, axis=1)

    def grad(by_x: tf.Tensor, by_r: tf.Tensor) -> tuple:
        # The layers of the inverse run last to first, its gradient first to last.
        inverse = inverse_jacobian(r, by_r, layers)
        by_y, rows = carry(samples_last(by_x), offsets, inverse)
        # By the implicit function theorem, that of the forward map, times -J^-1.
        along = tf.reduce_sum(rows * offsets, axis=1) * inverse_along(r, layers)
        by_p = -(along + tf.square(r) * inverse.pull) / (layers.alpha + r)
        by_alpha = -by_p / inverse.multiple
        by_center = center_gradient(rows, offsets, inverse)
        return samples_last(by_y), by_center, *_by_layers(by_alpha, by_p, q_minus_one)

    return (samples_last(x), r), grad


def _push(z: tf.Tensor, layers: RadialLayers) -> tuple[tf.Tensor, tf.Tensor]:
    """The image of points `[D, *B, S]`, and the offsets, `[K, D, *B, S]`."""

    def move(k: tf.Tensor, z: tf.Tensor) -> tuple:
        layer = _layer(layers, k)
        offset = z - layer.center
        scale = radial_scale(numerics.safe_norm(offset, axis=0), layer)
        return layer.center + scale * offset, offset

    return run_layers(move, z, layers.center.shape[0])


def _by_layers(by_alpha: tf.Tensor, by_p: tf.Tensor, q_minus_one: tf.Tensor) -> tuple:
    """Gradients by `alpha`, `p` and `q_minus_one`, `[*B, K]`."""
    # `q_minus_one` is a function of the other two, which take its gradient.
    sums = (numerics.sum_last_axis(layers_second_last(by)) for by in (by_alpha, by_p))
    return *sums, tf.zeros_like(q_minus_one)


def _layers(
    center: tf.Tensor, alpha: tf.Tensor, p: tf.Tensor, q_minus_one: tf.Tensor
) -> RadialLayers:
    """`RadialLayers` of shape `[K, *B, 1]`, of what the maps need."""
    alpha, p, q_minus_one = (layers_first(v, 0) for v in (alpha, p, q_minus_one))
    return RadialLayers(layers_first(center, 1), alpha, p, None, q_minus_one, None)


def _layer(layers: RadialLayers, k: tf.Tensor) -> RadialLayers:
    return RadialLayers(*(None if value is None else value[k] for value in layers))
