"""K autoregressive layers on points: the preimage, and the score.

A coordinate of a preimage needs those before it, which make its shift and scale: forward
substitution, of D steps. Each takes the hidden units that have just got to know all that
they see through the network, once and for all, so that D steps are the products and the
activations of one pass. Systems with the transposed Jacobian, which is triangular, are
back substitutions of the same kind: of those are the score of the image, and the gradient
of the preimage.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

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
    degrees,
    log_scale,
    log_scale_slope,
    silu_and_slope,
)
from tfp_flows.bijectors.layer_loop import loop_over_layers, run_layers
from tfp_flows.bijectors.point_layout import (
    batches_first,
    layers_second_last,
    move_axis,
    samples_first,
)


class _Blocks(NamedTuple):
    """The hidden units by coordinate: of each, M units at most, the others zero.

    Attributes:
      w: `Tensor` of shape `[K, D, *B, M, D]`.
      b: `Tensor` of shape `[K, D, *B, M]`.
      v: `Tensor` of shape `[K, D, *B, 2 D, M]`.
    """

    w: tf.Tensor
    b: tf.Tensor
    v: tf.Tensor

    def units(self, k: tf.Tensor, d: tf.Tensor, z: tf.Tensor) -> tuple:
        """Values and slopes of those of coordinate d at points `[*B, D, S]`."""
        return silu_and_slope(tf.matmul(self.w[k, d], z) + self.b[k, d][..., tf.newaxis])


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
    points = tf.linalg.matrix_transpose(batches_first(y))
    x, a = _inverse(points, tf.constant(reverse), *layers_first(networks))
    x = samples_first(tf.linalg.matrix_transpose(x), event_ndims=1)
    return x, layers_second_last(tf.reduce_sum(log_scale(a), axis=-2))


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
    score, x = (tf.linalg.matrix_transpose(batches_first(p)) for p in (score, x))
    parts = layers_first(networks)
    _, trace = run_forward(x, *parts)
    by_a = -log_scale_slope(trace.a)
    u, _ = _solve_transposed(score, by_a, trace, parts, tf.constant(reverse))
    return samples_first(tf.linalg.matrix_transpose(u), event_ndims=1)


@tf.custom_gradient
def _inverse(
    points: tf.Tensor,
    reverse: tf.Tensor,
    w: tf.Tensor,
    b: tf.Tensor,
    v: tf.Tensor,
    c: tf.Tensor,
) -> tuple:
    """The preimage of points `[*B, D, S]`, and the outputs a, `[K, *B, D, S]`.

    Automatic differentiation of the loops would store the points D times.
    """
    parts = MaskedNetworks(w, b, v, c)
    # After coordinate d, the units that see no other.
    blocks = _blocks(parts, reverse, offset=1)

    def layer(k: tf.Tensor, y: tf.Tensor) -> tuple:
        def coordinate(d: tf.Tensor, state: tuple) -> tuple:
            z, outputs = state
            shift, a = (_row(part, d) for part in tf.split(outputs, 2, axis=-2))
            z = _with_row(z, d, (_row(y, d) - shift) * tf.exp(-log_scale(a)))
            h, _ = blocks.units(k, d, z)
            return z, outputs + tf.matmul(blocks.v[k, d], h)

        zeros = tf.zeros_like(y)
        outputs = c[k][..., tf.newaxis] + tf.concat([zeros, zeros], axis=-2)
        z, outputs = _over_coordinates(coordinate, (zeros, outputs), reverse[k])
        return z, (z, tf.split(outputs, 2, axis=-2)[1])

    shapes = (points.shape, points.shape)
    x, (z, a) = run_layers(layer, points, w.shape[0], value_shapes=shapes, reverse=True)

    def grad(by_x: tf.Tensor, by_a: tf.Tensor) -> tuple:
        # By the implicit function: with J^T u = by_x + (da / dx)^T by_a, the gradient to
        # y is u, and to parameters that of a's less that of the image, times u.
        trace = Trace(z, tf.matmul(w, z) + b[..., tf.newaxis], a)
        by_y, by_outputs = _solve_transposed(by_x, by_a, trace, parts, reverse)
        h, slope = silu_and_slope(trace.s)
        by_s = slope * tf.matmul(v, by_outputs, transpose_a=True)
        return by_y, None, *parameter_gradients(z, h, by_outputs, by_s)

    return (x, a), grad


def _solve_transposed(
    g: tf.Tensor,
    by_a: tf.Tensor,
    trace: Trace,
    parts: MaskedNetworks,
    reverse: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Solves J_k^T u_k = u_{k-1} + (da_k / dz)^T by_a_k, of each layer k, with u_0 = g.

    Args:
      g: `Tensor` of shape `[*B, D, S]`.
      by_a: `Tensor` of shape `[K, *B, D, S]`.
      trace: `Trace`.
      parts: as `layers_first` returns them.
      reverse: `bool` `Tensor` of shape `[K]`.

    Returns:
      The last u, `[*B, D, S]`; and the gradient of sum(by_a a) - sum(u image) to shifts
      and a's of each layer, `[K, *B, 2 D, S]`.
    """
    # Before coordinate d, the units that reach no coordinate before it.
    blocks = _blocks(parts, reverse, offset=0)
    scale, rate = image_slopes(trace)

    def layer(k: tf.Tensor, g: tf.Tensor) -> tuple:
        def coordinate(d: tf.Tensor, state: tuple) -> tuple:
            # scale_d u_d = g_d + w_d^T by_s, where by_s knows all u that it needs.
            right, by_shift, by_a = state
            u = _row(right, d) / _row(scale[k], d)
            by_shift = _with_row(by_shift, d, -u)
            by_a = _with_row(by_a, d, _row(by_a, d) - u * _row(rate[k], d))
            by_outputs = tf.concat([by_shift, by_a], axis=-2)
            _, slope = blocks.units(k, d, trace.z[k])
            by_s = slope * tf.matmul(blocks.v[k, d], by_outputs, transpose_a=True)
            right += tf.matmul(blocks.w[k, d], by_s, transpose_a=True)
            return right, by_shift, by_a

        state = (g, tf.zeros_like(g), by_a[k])
        backwards = tf.logical_not(reverse[k])
        _, by_shift, by_a_k = _over_coordinates(coordinate, state, backwards)
        return -by_shift, tf.concat([by_shift, by_a_k], axis=-2)

    of_outputs = g.shape[:-2].concatenate([parts.v.shape[-2], g.shape[-1]])
    return run_layers(layer, g, parts.w.shape[0], value_shapes=of_outputs)


def _blocks(parts: MaskedNetworks, reverse: tf.Tensor, offset: int) -> _Blocks:
    """Of the i-th coordinate, the units that see the first i + offset."""
    hidden_units, event_size = tf.unstack(tf.shape(parts.w)[-2:])
    most = tf.maximum(event_size - 1, 1)
    degree = tf.range(event_size)[:, tf.newaxis] + offset
    # The units of a degree follow one another, from where degrees, a floor, reaches it.
    first = -(-(degree - 1) * hidden_units // most)
    numbers = first + tf.range(-(-hidden_units // most))
    units = tf.clip_by_value(numbers, 0, hidden_units - 1)
    m = tf.gather(degrees(event_size, hidden_units), units)
    is_own = tf.equal(m, degree) & tf.equal(units, numbers)
    v = tf.gather(parts.v, units, axis=-1)
    v = tf.where(is_own, v, tf.zeros_like(v))
    w, b = tf.gather(parts.w, units, axis=-2), tf.gather(parts.b, units, axis=-1)
    found = _Blocks(move_axis(w, -3, 1), move_axis(b, -2, 1), move_axis(v, -2, 1))

    def in_order(value: tf.Tensor) -> tf.Tensor:
        where = tf.reshape(reverse, [-1] + [1] * (value.shape.rank - 1))
        return tf.where(where, tf.reverse(value, [1]), value)

    return _Blocks(*map(in_order, found))


def _over_coordinates(coordinate: Callable, state: tuple, reverse: tf.Tensor) -> Any:
    """The state, of which the first part is `[*B, D, S]`, after all coordinates."""
    size = state[0].shape[-2]
    size = tf.shape(state[0])[-2] if size is None else size
    return loop_over_layers(coordinate, state, size, reverse=reverse)


def _row(matrix: tf.Tensor, d: tf.Tensor) -> tf.Tensor:
    return tf.gather(matrix, d, axis=-2)


def _with_row(matrix: tf.Tensor, d: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
    rows = tf.range(tf.shape(matrix)[-2])[:, tf.newaxis]
    return tf.where(tf.equal(rows, d), row[..., tf.newaxis, :], matrix)
