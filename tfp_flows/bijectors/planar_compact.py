"""K planar layers at the price of two matrix products: forward, inverse and score.

With A = X W^T + b and G = W U_hat^T, the pre-activations of all layers follow one another
through the K x K numbers of G alone, whatever D is:

    s_k = A_k + sum_{j<k} G_kj tanh(s_j),        y = x + sum_k u_hat_k tanh(s_k).

The inverse is the same from the other end, with C = Y W^T + b, where each layer asks for
one monotone root:

    s_k + G_kk tanh(s_k) = C_k - sum_{j>k} G_kj tanh(s_j).

The M units of a Sylvester layer do not wait for one another, and their block of G is
upper triangular (see `sylvester_layer`): its inverse and its score are those of M planar
layers, and of K such layers those of K M.
"""

import tensorflow as tf

from tfp_flows.bijectors.planar_layer import (
    TanhUnits,
    along_samples,
    planar_score_terms,
)
from tfp_flows.bijectors.planar_recurrence import (
    backward_substitution,
    forward_substitution,
    score_substitution,
)
from tfp_flows.bijectors.point_layout import batches_first, samples_first


def forward_compact(x: tf.Tensor, layers: TanhUnits) -> tuple[tf.Tensor, tf.Tensor]:
    """The image of K planar layers, and the pre-activations.

    Args:
      x: `Tensor` of shape `[S, *B, D]`.
      layers: `TanhUnits` of shape `[*B, K]`.

    Returns:
      The image, `[S, *B, D]`, and the pre-activations, `[*B, K, S]`.
    """
    s = forward_substitution(*_system(x, layers))
    return x + displacement(s, layers), s


def inverse_compact(y: tf.Tensor, layers: TanhUnits) -> tuple[tf.Tensor, tf.Tensor]:
    """The points whose image is `y`, and the pre-activations there.

    Arguments and returns as those of `forward_compact`.
    """
    s = backward_substitution(*_system(y, layers), layers.q)
    return y - displacement(s, layers), s


def score_compact(score: tf.Tensor, s: tf.Tensor, layers: TanhUnits) -> tf.Tensor:
    """The score of the image from that of the points; see `planar_score_terms`.

    The layers' corrections r follow one another through W U_hat^T alone, as the
    pre-activations do: r_k = rate_k (u_hat_k.score - sum_{j<k} (u_hat_k.w_j) r_j +
    drift_k), and the score of the image is score - sum_k r_k w_k.

    Args:
      score: `Tensor` of shape `[S, *B, D]`.
      s: `Tensor` of shape `[*B, K, S]`, the pre-activations.
      layers: `TanhUnits` of shape `[*B, K]`.

    Returns:
      `Tensor` of shape `[S, *B, D]`.
    """
    rate, drift = planar_score_terms(s, along_samples(layers))
    along = tf.matmul(layers.u_hat, batches_first(score), transpose_b=True)
    g = tf.matmul(layers.u_hat, layers.w, transpose_b=True)
    r = score_substitution(along, g, rate, drift)
    return score - samples_first(tf.matmul(r, layers.w, transpose_a=True), event_ndims=1)


def pre_activations(points: tf.Tensor, layers: TanhUnits) -> tf.Tensor:
    """W x + b of points `[S, *B, D]`, as `[*B, K, S]`."""
    projected = tf.matmul(layers.w, batches_first(points), transpose_b=True)
    return projected + layers.b[..., tf.newaxis]


def displacement(s: tf.Tensor, layers: TanhUnits) -> tf.Tensor:
    """U_hat^T tanh(s), `[S, *B, D]`, of pre-activations `[*B, K, S]`."""
    moved = tf.matmul(tf.tanh(s), layers.u_hat, transpose_a=True)
    return samples_first(moved, event_ndims=1)


def _system(points: tf.Tensor, layers: TanhUnits) -> tuple[tf.Tensor, tf.Tensor]:
    """The pre-activations of the points themselves, `[*B, K, S]`, and G, `[*B, K, K]`."""
    g = tf.matmul(layers.w, layers.u_hat, transpose_b=True)
    return pre_activations(points, layers), g
