"""Triangular systems of the pre-activations of K planar layers, K x S numbers."""

from collections.abc import Callable

import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.bijectors.layer_loop import loop_over_layers
from tfp_flows.bijectors.planar_layer import solve_pre_activation

# Longest recurrence in one loop, whose cost is K^2 S in memory traffic: more layers are
# split in halves, joined by a matrix product.
_BLOCK = 32


def forward_substitution(a: tf.Tensor, g: tf.Tensor) -> tf.Tensor:
    """Solves s_k = a_k + sum_{j<k} g_kj tanh(s_j), first layer first.

    Args:
      a: `Tensor` of shape `[*B, K, S]`.
      g: `Tensor` of shape `[*B, K, K]`, of which the part below the diagonal counts.

    Returns:
      `Tensor` of shape `[*B, K, S]`.
    """
    num_layers = a.shape[-2]
    if num_layers is None or num_layers <= _BLOCK:
        return _substitute_forward(a, g)
    half = num_layers // 2
    first = forward_substitution(a[..., :half, :], g[..., :half, :half])
    rest = a[..., half:, :] + g[..., half:, :half] @ tf.tanh(first)
    rest = forward_substitution(rest, g[..., half:, half:])
    return tf.concat([first, rest], axis=-2)


def backward_substitution(c: tf.Tensor, g: tf.Tensor, q: tf.Tensor) -> tf.Tensor:
    """Solves s_k + (q_k - 1) tanh(s_k) + sum_{j>k} g_kj tanh(s_j) = c_k, last first.

    Args:
      c: `Tensor` of shape `[*B, K, S]`.
      g: `Tensor` of shape `[*B, K, K]`, of which the part above the diagonal counts.
      q: `Tensor` of shape `[*B, K]`, 1 + w.u_hat > 0.

    Returns:
      `Tensor` of shape `[*B, K, S]`.
    """
    num_layers = c.shape[-2]
    if num_layers is None or num_layers <= _BLOCK:
        return _substitute_backward(c, g, q)
    half = num_layers // 2
    last = backward_substitution(c[..., half:, :], g[..., half:, half:], q[..., half:])
    rest = c[..., :half, :] - g[..., :half, half:] @ tf.tanh(last)
    rest = backward_substitution(rest, g[..., :half, :half], q[..., :half])
    return tf.concat([rest, last], axis=-2)


def score_substitution(
    p: tf.Tensor, g: tf.Tensor, rate: tf.Tensor, drift: tf.Tensor
) -> tf.Tensor:
    """Solves r_k = rate_k (p_k - sum_{j<k} g_kj r_j + drift_k), first layer first.

    Args:
      p: `Tensor` of shape `[*B, K, S]`.
      g: `Tensor` of shape `[*B, K, K]`, of which the part below the diagonal counts.
      rate: `Tensor` of shape `[*B, K, S]`.
      drift: `Tensor` of shape `[*B, K, S]`.

    Returns:
      `Tensor` of shape `[*B, K, S]`.
    """
    lower = numerics.strictly_lower(g)
    rows = tf.range(tf.shape(p)[-2])[:, tf.newaxis]

    def layer(k: tf.Tensor, p: tf.Tensor) -> tf.Tensor:
        # Rows up to k are solutions, those below right-hand sides.
        r_k = _row(rate, k) * (_row(p, k) + _row(drift, k))
        moved = p - _outer(_column(lower, k), r_k)
        return tf.where(tf.equal(rows, k), r_k[..., tf.newaxis, :], moved)

    return _loop(layer, p)


# The gradients of the first two solve a linear triangular system of the same kind, the
# transposed one. Automatic differentiation of the loops would store K times as much.


@tf.custom_gradient
def _substitute_forward(a: tf.Tensor, g: tf.Tensor) -> tuple:
    lower = numerics.strictly_lower(g)

    def layer(k: tf.Tensor, s: tf.Tensor) -> tf.Tensor:
        # Row k is final: pass it on to those below.
        return s + _outer(_column(lower, k), tf.tanh(_row(s, k)))

    s = _loop(layer, a)

    def grad(by_s: tf.Tensor) -> tuple:
        t, slope = numerics.tanh_and_slope(s)

        def layer(k: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
            return v + slope * _outer(_row(lower, k), _row(v, k))

        v = _loop(layer, by_s, reverse=True)
        return v, numerics.strictly_lower(tf.matmul(v, t, transpose_b=True))

    return s, grad


@tf.custom_gradient
def _substitute_backward(c: tf.Tensor, g: tf.Tensor, q: tf.Tensor) -> tuple:
    upper = tf.linalg.matrix_transpose(
        numerics.strictly_lower(tf.linalg.matrix_transpose(g))
    )
    rows = tf.range(tf.shape(c)[-2])[:, tf.newaxis]

    def layer(k: tf.Tensor, c: tf.Tensor) -> tf.Tensor:
        # Rows above k are right-hand sides, the others solutions.
        s_k = solve_pre_activation(_row(c, k), q[..., k, tf.newaxis])
        moved = c - _outer(_column(upper, k), tf.tanh(s_k))
        return tf.where(tf.equal(rows, k), s_k[..., tf.newaxis, :], moved)

    s = _loop(layer, c, reverse=True)

    def grad(by_s: tf.Tensor) -> tuple:
        t, slope = numerics.tanh_and_slope(s)
        # d/ds of s + (q - 1) tanh(s), without the cancellation of 1 - sech(s)^2.
        diagonal = q[..., tf.newaxis] * slope + tf.square(t)
        ratio = slope / diagonal

        def layer(k: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
            return v - ratio * _outer(_row(upper, k), _row(v, k))

        v = _loop(layer, by_s / diagonal)
        by_g = -tf.linalg.matrix_transpose(
            numerics.strictly_lower(tf.matmul(t, v, transpose_b=True))
        )
        return v, by_g, -tf.reduce_sum(v * t, axis=-1)

    return s, grad


def _row(matrix: tf.Tensor, k: tf.Tensor) -> tf.Tensor:
    return tf.gather(matrix, k, axis=-2)


def _column(matrix: tf.Tensor, k: tf.Tensor) -> tf.Tensor:
    return tf.gather(matrix, k, axis=-1)


def _outer(column: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
    return column[..., :, tf.newaxis] * row[..., tf.newaxis, :]


def _loop(layer: Callable, rows: tf.Tensor, reverse: bool = False) -> tf.Tensor:
    """Applies `layer`, `(k, rows) -> rows`, for every layer k in turn."""
    num_layers = rows.shape[-2] or tf.shape(rows)[-2]
    return loop_over_layers(layer, rows, num_layers, reverse=reverse)
