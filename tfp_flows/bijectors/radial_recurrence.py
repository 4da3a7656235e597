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
    Constrained,
    radial_log_det_slope,
    radial_scale,
    solve_radius,
)


def forward_radial(x, center, layers):
    """The image of K radial layers, and the radii.

    Args:
      x: `Tensor` of shape `[S, *B, D]`.
      center: `Tensor` of shape `[*B, K, D]`.
      layers: `Constrained`, of shape `[*B, K]`.

    Returns:
      The image, `[S, *B, D]`, and the radii before each layer, `[*B, K, S]`.
    """
    y, r = _forward(x, center, layers.alpha, layers.p, layers.q_minus_one)
    return y, layers_second_last(r)


def inverse_radial(y, center, layers):
    """The points whose image is `y`, and the radii before each layer.

    Arguments and returns as those of `forward_radial`.
    """
    x, r = _inverse(y, center, layers.alpha, layers.p, layers.q_minus_one)
    return x, layers_second_last(r)


def score_radial(score, x, center, layers):
    """The score of the image: (score - d log|det J| / dz) J^-1, layer by layer.

    Args:
      score: `Tensor` of shape `[S, *B, D]`.
      x: `Tensor` of shape `[S, *B, D]`, the points.
      center: `Tensor` of shape `[*B, K, D]`.
      layers: `Constrained`, of shape `[*B, K]`.

    Returns:
      `Tensor` of shape `[S, *B, D]`.
    """
    layers = Constrained(*(layers_first(value, 0) for value in layers))
    _, offsets = _push(samples_last(x), layers_first(center, 1), layers)
    r = numerics.safe_norm(offsets, axis=1)
    by_r = -radial_log_det_slope(r, layers, event_size=tf.shape(x)[-1])
    score, _ = carry(samples_last(score), offsets, inverse_jacobian(r, by_r, layers))
    return samples_last(score)


@tf.custom_gradient
def _forward(x, center, alpha, p, q_minus_one):
    """The image, `[S, *B, D]`, and the radii, `[K, *B, S]`."""
    layers = _layers(alpha, p, q_minus_one)
    y, offsets = _push(samples_last(x), layers_first(center, 1), layers)
    r = numerics.safe_norm(offsets, axis=1)

    def grad(by_y, by_r):
        jacobian = forward_jacobian(r, by_r, layers)
        by_x, rows = carry(samples_last(by_y), offsets, jacobian, reverse=True)
        by_p = tf.reduce_sum(rows * offsets, axis=1) / (layers.alpha + r)
        by_alpha = -by_p * jacobian.multiple
        by_center = center_gradient(rows, offsets, jacobian)
        return samples_last(by_x), by_center, *_by_layers(by_alpha, by_p, q_minus_one)

    return (samples_last(y), r), grad


@tf.custom_gradient
def _inverse(y, center, alpha, p, q_minus_one):
    """The points, `[S, *B, D]`, and the radii, `[K, *B, S]`."""
    layers, centers = _layers(alpha, p, q_minus_one), layers_first(center, 1)

    def move(k, z):
        layer = _layer(layers, k)
        offset = z - centers[k]
        r = solve_radius(numerics.safe_norm(offset, axis=0), layer)
        offset /= radial_scale(r, layer)
        return centers[k] + offset, offset

    x, offsets = run_layers(move, samples_last(y), alpha.shape[-1], reverse=True)
    r = numerics.safe_norm(offsets, axis=1)

    def grad(by_x, by_r):
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


def _push(z, centers, layers):
    """The image of points `[D, *B, S]`, and the offsets, `[K, D, *B, S]`."""

    def move(k, z):
        offset = z - centers[k]
        scale = radial_scale(numerics.safe_norm(offset, axis=0), _layer(layers, k))
        return centers[k] + scale * offset, offset

    return run_layers(move, z, centers.shape[0])


def _by_layers(by_alpha, by_p, q_minus_one):
    """Gradients by `alpha`, `p` and `q_minus_one`, `[*B, K]`."""
    # `q_minus_one` is a function of the other two, which take its gradient.
    sums = (numerics.sum_last_axis(layers_second_last(by)) for by in (by_alpha, by_p))
    return *sums, tf.zeros_like(q_minus_one)


def _layers(alpha, p, q_minus_one):
    """`Constrained` of shape `[K, *B, 1]`, of what the maps need."""
    alpha, p, q_minus_one = (layers_first(v, 0) for v in (alpha, p, q_minus_one))
    return Constrained(alpha, p, None, q_minus_one, None)


def _layer(layers, k):
    return Constrained(*(None if value is None else value[k] for value in layers))
