"""K planar layers at the price of two matrix products: forward and inverse.

With A = X W^T + b and G = W U_hat^T, the pre-activations of all layers follow one another
through the K x K numbers of G alone, whatever D is:

    s_k = A_k + sum_{j<k} G_kj tanh(s_j),        y = x + sum_k u_hat_k tanh(s_k).

The inverse is the same from the other end, with C = Y W^T + b, where each layer asks for
one monotone root:

    s_k + G_kk tanh(s_k) = C_k - sum_{j>k} G_kj tanh(s_j).
"""

import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.bijectors.planar_layer import (
    along_samples,
    planar_score_terms,
    solve_pre_activation,
)
from tfp_flows.bijectors.point_layout import batches_first, samples_first

# Longest recurrence in one loop, whose cost is K^2 S in memory traffic: more layers are
# split in halves, joined by a matrix product.
_BLOCK = 32


def forward_compact(x, w, b, layers):
    """The image of K planar layers, and the pre-activations.

    Args:
      x: `Tensor` of shape `[S, *B, D]`.
      w: `Tensor` of shape `[*B, K, D]`.
      b: `Tensor` of shape `[*B, K]`.
      layers: `Constrained`, of shapes `[*B, K, D]` and `[*B, K]`.

    Returns:
      The image, `[S, *B, D]`, and the pre-activations, `[*B, K, S]`.
    """
    s = forward_substitution(*_system(x, w, b, layers))
    return x + _displacement(s, layers), s


def inverse_compact(y, w, b, layers):
    """The points whose image is `y`, and the pre-activations there.

    Arguments and returns as those of `forward_compact`.
    """
    s = backward_substitution(*_system(y, w, b, layers), layers.q)
    return y - _displacement(s, layers), s


def score_compact(score, s, w, layers):
    """The score of the image from that of the points; see `planar_score_terms`.

    The layers' corrections r follow one another through W U_hat^T alone, as the
    pre-activations do: r_k = rate_k (u_hat_k.score - sum_{j<k} (u_hat_k.w_j) r_j +
    drift_k), and the score of the image is score - sum_k r_k w_k.

    Args:
      score: `Tensor` of shape `[S, *B, D]`.
      s: `Tensor` of shape `[*B, K, S]`, the pre-activations.
      w: `Tensor` of shape `[*B, K, D]`.
      layers: `Constrained`, of shapes `[*B, K, D]` and `[*B, K]`.

    Returns:
      `Tensor` of shape `[S, *B, D]`.
    """
    rate, drift = planar_score_terms(s, along_samples(layers))
    along = tf.matmul(layers.u_hat, batches_first(score), transpose_b=True)
    g = tf.matmul(layers.u_hat, w, transpose_b=True)
    lower = numerics.strictly_lower(g)
    rows = tf.range(tf.shape(s)[-2])[:, tf.newaxis]

    def layer(k, along):
        # Rows above k are corrections, row k is final, those below await theirs.
        r_k = _row(rate, k) * (_row(along, k) + _row(drift, k))
        moved = along - _outer(_column(lower, k), r_k)
        return tf.where(rows == k, r_k[..., tf.newaxis, :], moved)

    r = _loop(layer, along)
    return score - samples_first(tf.matmul(r, w, transpose_a=True), event_ndims=1)


def _system(points, w, b, layers):
    """The pre-activations of the points themselves, `[*B, K, S]`, and G, `[*B, K, K]`."""
    a = tf.matmul(w, batches_first(points), transpose_b=True) + b[..., tf.newaxis]
    return a, tf.matmul(w, layers.u_hat, transpose_b=True)


def _displacement(s, layers):
    moved = tf.matmul(tf.tanh(s), layers.u_hat, transpose_a=True)
    return samples_first(moved, event_ndims=1)


def forward_substitution(a, g):
    """Solves s_k = a_k + sum_{j<k} g_kj tanh(s_j), first layer first.

    Args:
      a: `Tensor` of shape `[*B, K, S]`.
      g: `Tensor` of shape `[*B, K, K]`, of which the part below the diagonal counts.

    Returns:
      `Tensor` of shape `[*B, K, S]`.
    """
    num_layers = a.shape[-2]
    if num_layers <= _BLOCK:
        return _substitute_forward(a, g)
    half = num_layers // 2
    first = forward_substitution(a[..., :half, :], g[..., :half, :half])
    rest = a[..., half:, :] + g[..., half:, :half] @ tf.tanh(first)
    rest = forward_substitution(rest, g[..., half:, half:])
    return tf.concat([first, rest], axis=-2)


def backward_substitution(c, g, q):
    """Solves s_k + (q_k - 1) tanh(s_k) + sum_{j>k} g_kj tanh(s_j) = c_k, last first.

    Args:
      c: `Tensor` of shape `[*B, K, S]`.
      g: `Tensor` of shape `[*B, K, K]`, of which the part above the diagonal counts.
      q: `Tensor` of shape `[*B, K]`, 1 + w.u_hat > 0.

    Returns:
      `Tensor` of shape `[*B, K, S]`.
    """
    num_layers = c.shape[-2]
    if num_layers <= _BLOCK:
        return _substitute_backward(c, g, q)
    half = num_layers // 2
    last = backward_substitution(c[..., half:, :], g[..., half:, half:], q[..., half:])
    rest = c[..., :half, :] - g[..., :half, half:] @ tf.tanh(last)
    rest = backward_substitution(rest, g[..., :half, :half], q[..., :half])
    return tf.concat([rest, last], axis=-2)


# The gradients of both solve a linear triangular system of the same kind, the transposed
# one. Automatic differentiation of the loops would store K times as many numbers.


@tf.custom_gradient
def _substitute_forward(a, g):
    lower = numerics.strictly_lower(g)

    def layer(k, s):
        # Row k is final: pass it on to those below.
        return s + _outer(_column(lower, k), tf.tanh(_row(s, k)))

    s = _loop(layer, a)

    def grad(by_s):
        t, slope = numerics.tanh_and_slope(s)

        def layer(k, v):
            return v + slope * _outer(_row(lower, k), _row(v, k))

        v = _loop(layer, by_s, reverse=True)
        return v, numerics.strictly_lower(tf.matmul(v, t, transpose_b=True))

    return s, grad


@tf.custom_gradient
def _substitute_backward(c, g, q):
    upper = tf.linalg.matrix_transpose(
        numerics.strictly_lower(tf.linalg.matrix_transpose(g))
    )
    rows = tf.range(tf.shape(c)[-2])[:, tf.newaxis]

    def layer(k, c):
        # Rows above k are right-hand sides, the others solutions.
        s_k = solve_pre_activation(_row(c, k), q[..., k, tf.newaxis])
        moved = c - _outer(_column(upper, k), tf.tanh(s_k))
        return tf.where(rows == k, s_k[..., tf.newaxis, :], moved)

    s = _loop(layer, c, reverse=True)

    def grad(by_s):
        t, slope = numerics.tanh_and_slope(s)
        # d/ds of s + (q - 1) tanh(s), without the cancellation of 1 - sech(s)^2.
        diagonal = q[..., tf.newaxis] * slope + tf.square(t)
        ratio = slope / diagonal

        def layer(k, v):
            return v - ratio * _outer(_row(upper, k), _row(v, k))

        v = _loop(layer, by_s / diagonal)
        by_g = -tf.linalg.matrix_transpose(
            numerics.strictly_lower(tf.matmul(t, v, transpose_b=True))
        )
        return v, by_g, -tf.reduce_sum(v * t, axis=-1)

    return s, grad


def _row(matrix, k):
    return tf.gather(matrix, k, axis=-2)


def _column(matrix, k):
    return tf.gather(matrix, k, axis=-1)


def _outer(column, row):
    return column[..., :, tf.newaxis] * row[..., tf.newaxis, :]


def _loop(layer, rows, reverse=False):
    """Applies `layer`, `(k, rows) -> rows`, for every layer k in turn."""
    num_layers = rows.shape[-2]

    def body(step, rows):
        k = num_layers - 1 - step if reverse else step
        return step + 1, layer(k, rows)

    _, rows = tf.while_loop(
        lambda step, _: step < num_layers,
        body,
        (0, rows),
        maximum_iterations=num_layers,
    )
    return rows
