"""K autoregressive layers on points: the preimage, and the score.

A coordinate of a preimage needs those before it, which make its shift and scale: it goes
through the network a coordinate at a time, by forward substitution, and each adds what it
tells the hidden units. All D of them take the products of one pass. So do systems with
the transposed Jacobian, which is triangular, by back substitution: of those are the score
of the image and the gradient of the preimage.
"""

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.autoregressive_forward import (
    Trace,
    image_slopes,
    layers_first,
    parameter_gradients,
    run_forward,
)
from tfp_flows.bijectors.autoregressive_layer import (
    MaskedNetworks,
    log_scale,
    log_scale_slope,
    silu_and_slope,
)
from tfp_flows.bijectors.layer_loop import run_layers
from tfp_flows.bijectors.point_layout import (
    batches_first,
    layers_second_last,
    move_axis,
    samples_last,
)


def inverse_autoregressive(
    y: tf.Tensor, networks: MaskedNetworks, reverse: np.ndarray
) -> tuple[tf.Tensor, tf.Tensor]:
    """The points whose image is `y`, and the log-dets there.

    Args:
      y: `Tensor` of shape `[S, *B, D]`.
      networks: `MaskedNetworks`, of batch shape `[*B]`.
      reverse: `bool` array of shape `[K]`: which layers take the last coordinate first.

    Returns:
      The points, `[S, *B, D]`, and the log-dets of the layers there, `[*B, K, S]`.
    """
    x, a = _inverse(samples_last(y), tf.constant(reverse), *layers_first(networks))
    return samples_last(x), layers_second_last(tf.reduce_sum(log_scale(a), axis=1))


def score_autoregressive(
    score: tf.Tensor, x: tf.Tensor, networks: MaskedNetworks, reverse: np.ndarray
) -> tf.Tensor:
    """The score of the image from that of the points: J^-T (score - d log|det J| / dx).

    Args:
      score: `Tensor` of shape `[S, *B, D]`.
      x: `Tensor` of shape `[S, *B, D]`.
      networks: as of `inverse_autoregressive`.
      reverse: as of `inverse_autoregressive`.

    Returns:
      `Tensor` of shape `[S, *B, D]`.
    """
    parts = layers_first(networks)
    _, trace = run_forward(tf.linalg.matrix_transpose(batches_first(x)), *parts)
    by_a = -log_scale_slope(trace.a)
    reverse = tf.constant(reverse)
    u, *_ = _solve_transposed(samples_last(score), by_a, trace, parts, reverse)
    return samples_last(u)


@tf.custom_gradient
def _inverse(
    y: tf.Tensor,
    reverse: tf.Tensor,
    w: tf.Tensor,
    b: tf.Tensor,
    v: tf.Tensor,
    c: tf.Tensor,
) -> tuple:
    """The preimage of points `[D, *B, S]`, and the outputs a, `[K, D, *B, S]`.

    Automatic differentiation of the loops would store the hidden units D times.
    """
    columns, rows, offsets = _by_coordinate(w, v, c)

    def layer(k: tf.Tensor, y: tf.Tensor) -> tuple:
        def coordinate(d: tf.Tensor, s: tf.Tensor) -> tuple:
            # The masks hide hidden units that do not know yet all that they will see.
            outputs = tf.matmul(rows[k, d], silu_and_slope(s)[0])
            shift, a = tf.unstack(outputs + offsets[k, d][..., tf.newaxis], axis=-2)
            z = (y[d] - shift) * tf.exp(-log_scale(a))
            told = columns[k, d][..., tf.newaxis] * z[..., tf.newaxis, :]
            return s + told, (z, a)

        s = b[k][..., tf.newaxis] + tf.zeros_like(y[0])[..., tf.newaxis, :]
        s, (z, a) = run_layers(
            coordinate,
            s,
            _size(y),
            value_shapes=(y.shape[1:], y.shape[1:]),
            reverse=reverse[k],
        )
        return z, Trace(z, s, a)

    shapes = Trace(y.shape, b.shape[1:].concatenate(y.shape[-1:]), y.shape)
    x, (z, s, a) = run_layers(layer, y, w.shape[0], value_shapes=shapes, reverse=True)

    def grad(by_x: tf.Tensor, by_a: tf.Tensor) -> tuple:
        # By the implicit function: with J^T u = by_x + (da / dx)^T by_a, the gradient to
        # y is u, and to parameters that of a's less that of the image, times u.
        trace = Trace(_batches_first(z), s, _batches_first(a))
        by_a = _batches_first(by_a)
        parts = MaskedNetworks(w, b, v, c)
        by_y, u, by_s = _solve_transposed(by_x, by_a, trace, parts, reverse)
        u = _batches_first(u)
        _, by_scale = image_slopes(trace)
        by_outputs = tf.concat([-u, by_a - u * by_scale], axis=-2)
        h, _ = silu_and_slope(s)
        return by_y, None, *parameter_gradients(trace.z, h, by_outputs, by_s)

    return (x, a), grad


def _solve_transposed(
    g: tf.Tensor,
    by_a: tf.Tensor,
    trace: Trace,
    parts: MaskedNetworks,
    reverse: tf.Tensor,
) -> tuple:
    """Solves J_k^T u_k = u_{k-1} + (da_k / dz)^T by_a_k, of each layer k, with u_0 = g.

    Args:
      g: `Tensor` of shape `[D, *B, S]`.
      by_a: `Tensor` of shape `[K, *B, D, S]`.
      trace: `Trace`.
      parts: as `layers_first` returns them.
      reverse: `bool` `Tensor` of shape `[K]`.

    Returns:
      The last u, `[D, *B, S]`; all of them, `[K, D, *B, S]`; and the gradient of
      sum(by_a a) - sum(u image) to the pre-activations of each layer, `[K, *B, H, S]`.
    """
    w, _, v, c = parts
    columns, rows, _ = _by_coordinate(w, v, c)
    _, slope = silu_and_slope(trace.s)
    _, by_scale = image_slopes(trace)
    by_scale = _coordinates_first(by_scale)
    shrink = _coordinates_first(tf.exp(-log_scale(trace.a)))
    _, of_a = tf.split(v, 2, axis=-2)
    by_h = tf.matmul(of_a, by_a, transpose_a=True)

    def layer(k: tf.Tensor, g: tf.Tensor) -> tuple:
        def coordinate(d: tf.Tensor, by_h: tf.Tensor) -> tuple:
            # scale_d u_d = g_d + w_d^T by_s, where by_s has all u after d already.
            told = tf.matmul(columns[k, d][..., tf.newaxis, :], slope[k] * by_h)
            u = (g[d] + tf.squeeze(told, -2)) * shrink[k, d]
            by_outputs = tf.stack([u, u * by_scale[k, d]], axis=-2)
            return by_h - tf.matmul(rows[k, d], by_outputs, transpose_a=True), u

        by_h_k, u = run_layers(
            coordinate,
            by_h[k],
            _size(g),
            value_shapes=g.shape[1:],
            reverse=tf.logical_not(reverse[k]),
        )
        return u, (u, slope[k] * by_h_k)

    shapes = (g.shape, trace.s.shape[1:])
    last, (u, by_s) = run_layers(layer, g, w.shape[0], value_shapes=shapes)
    return last, u, by_s


def _by_coordinate(w: tf.Tensor, v: tf.Tensor, c: tf.Tensor) -> tuple:
    """Of each d: w `[K, D, *B, H]`, v `[K, D, *B, 2, H]` and c `[K, D, *B, 2]`."""
    rows = tf.stack(tf.split(v, 2, axis=-2), axis=-2)
    offsets = tf.stack(tf.split(c, 2, axis=-1), axis=-1)
    return move_axis(w, -1, 1), move_axis(rows, -3, 1), move_axis(offsets, -2, 1)


def _coordinates_first(value: tf.Tensor) -> tf.Tensor:
    """`[K, *B, D, S]` to `[K, D, *B, S]`."""
    return move_axis(value, -2, 1)


def _batches_first(value: tf.Tensor) -> tf.Tensor:
    """`[K, D, *B, S]` to `[K, *B, D, S]`."""
    return move_axis(value, 1, -2)


def _size(points: tf.Tensor) -> int | tf.Tensor:
    """D of points `[D, *B, S]`."""
    return tf.shape(points)[0] if points.shape[0] is None else points.shape[0]
