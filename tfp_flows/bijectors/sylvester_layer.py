"""The mathematics of one Sylvester layer, of any form.

With W = R2 Q^T and U = (Q R)^T, [M, D], a layer is f(z) = z + U^T tanh(W z + b), like M
planar layers that do not wait for one another; and W U^T = R2 R is upper triangular. Its
inverse and its score are therefore those of K planar layers, in `planar_compact`.
"""

import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.bijectors.planar_compact import displacement, pre_activations
from tfp_flows.bijectors.planar_layer import Constrained, planar_log_det


def constrain_sylvester(r, r2, v=None, reverse=False):
    """The matrices W and U of a layer, and the factors q = 1 + R_mm R2_mm, exact.

    Args:
      r: `Tensor` of shape `[..., M, M]`, of which the upper triangle counts.
      r2: `Tensor` like `r`.
      v: `Tensor` of shape `[..., H, D]`, D >= M, normals of H reflections; or `None`: M =
        D, and Q is the identity, or the reversal of the coordinates.
      reverse: which of the two.

    Returns:
      A pair: W, `[..., M, D]`, and `Constrained`, of which `u_hat` is U, `[..., M, D]`,
      and the others are factors of the units, `[..., M]`.
    """
    # In float64, whatever the dtype, as for planar layers: Q is then orthonormal to the
    # last bit of narrower dtypes.
    dtype = r.dtype
    r, r2 = (tf.linalg.band_part(tf.cast(m, tf.float64), 0, -1) for m in (r, r2))
    diagonal = tf.linalg.diag_part(r)
    gain, *factors = product_factors(diagonal * tf.linalg.diag_part(r2))
    # Exact, as the diagonal is zero after the first term. (The gradient of
    # tf.linalg.set_diag fails under XLA for batches of unknown size.)
    r = r - tf.linalg.diag(diagonal) + tf.linalg.diag(diagonal * gain)
    if v is None:
        w, u = r2, tf.linalg.matrix_transpose(r)
        if reverse:
            w, u = tf.reverse(w, [-1]), tf.reverse(u, [-1])
    else:
        q = orthonormal_columns(tf.cast(v, tf.float64), tf.shape(r)[-1])
        w = tf.matmul(r2, q, transpose_b=True)
        u = tf.matmul(r, q, transpose_a=True, transpose_b=True)
    w, *layer = (tf.cast(result, dtype) for result in (w, u, *factors))
    return w, Constrained(*layer)


def orthonormal_columns(v, num_columns):
    """The first M columns of the product of H Householder reflections.

    Args:
      v: `Tensor` of shape `[..., H, D]`: the reflections are I - 2 v v^T / ||v||^2, of
        which the first is applied last. Where v = 0, the reflection is the identity.
      num_columns: M, an integer or an integer `Tensor`.

    Returns:
      `Tensor` of shape `[..., D, M]`.
    """
    # The product is I - N^T T N, N = the unit normals, with T upper triangular and T^-1 =
    # I / 2 + the part of N N^T above the diagonal (Joffrain et al. 2006): three products
    # of matrices rather than H steps that wait for one another.
    normals = numerics.unit_vector(v)
    products = tf.matmul(normals, normals, transpose_b=True)
    upper = tf.linalg.matrix_transpose(numerics.strictly_lower(products))
    half = 0.5 * tf.eye(tf.shape(v)[-2], dtype=v.dtype)
    columns = tf.linalg.triangular_solve(
        upper + half, normals[..., :num_columns], lower=False
    )
    identity = tf.eye(tf.shape(v)[-1], num_columns, dtype=v.dtype)
    return identity - tf.matmul(normals, columns, transpose_a=True)


@tf.custom_gradient
def product_factors(x):
    """What keeps 1 + R_mm R2_mm positive, as functions of x = r_mm r2_mm.

    R2_mm = r2_mm, and R_mm = g r_mm such that 1 + R_mm R2_mm = q = e^asinh(x), which maps
    the real line onto (0, inf), 0 to 1, with q -> 1 / (2 |x|) on the far left.

    Args:
      x: `Tensor` of any shape.

    Returns:
      Four `Tensor`s like `x`, each to full relative precision: g = 2 q / (1 + q), q,
      q - 1 = x g, and log q = asinh(x).
    """
    # q = x + sqrt(1 + x^2) cancels for x < 0, where it is 1 / (|x| + sqrt(1 + x^2)).
    root = tf.sqrt(1.0 + tf.square(x))
    larger = tf.abs(x) + root  # e^|asinh(x)|
    is_left = x < 0.0
    q = tf.where(is_left, 1.0 / larger, larger)
    # q - 1 / q = 2 x, hence q - 1 = 2 x q / (1 + q).
    gain = tf.where(is_left, tf.ones_like(x), larger) * (2.0 / (1.0 + larger))

    def grad(by_gain, by_q, by_q_minus_one, by_log_q):
        # By the function itself, so that derivatives of any order are right, at 0 too,
        # where those of |x| are not.
        gain, q, _, _ = product_factors(x)
        root = tf.sqrt(1.0 + tf.square(x))
        by_value = (by_q + by_q_minus_one) * q + by_gain * gain / (1.0 + q)
        return (by_value + by_log_q) / root

    return (gain, q, x * gain, tf.asinh(x)), grad


def forward_sylvester(x, w, b, layer):
    """The image of a layer, and the pre-activations.

    Args:
      x: `Tensor` of shape `[S, *B, D]`.
      w: `Tensor` of shape `[*B, M, D]`.
      b: `Tensor` of shape `[*B, M]`.
      layer: `Constrained`, of shapes `[*B, M, D]` and `[*B, M]`.

    Returns:
      The image, `[S, *B, D]`, and the pre-activations, `[*B, M, S]`.
    """
    s = pre_activations(x, w, b)
    return x + displacement(s, layer), s


def run_sylvester_layers(x, r, r2, b, v=None):
    """K layers, first to last, whose parameters are constrained in one computation.

    Equal to K `Sylvester` layers, of which every second reverses the coordinates in the
    triangular form. Meant for parameters of their own for each point, as an encoder gives
    them: constraining those is most of the work. In one piece it takes XLA less than half
    the time to compile (K=8: 4 s rather than 10); a step takes as long.

    Args:
      x: `Tensor` of shape `[..., D]`.
      r: `Tensor` of shape `[..., K, M, M]`. Batch shapes broadcast together, and against
        that of `x`.
      r2: `Tensor` like `r`.
      b: `Tensor` of shape `[..., K, M]`, K static.
      v: `Tensor` of shape `[..., K, H, D]`, or `None` for the triangular form.

    Returns:
      The image, `[..., D]`, and the log-det-Jacobian, `[...]`.
    """
    w, layers = constrain_sylvester(r, r2, v)
    collected = []
    for k in range(b.shape[-2]):
        w_k, u_k = w[..., k, :, :], layers.u_hat[..., k, :, :]
        if v is None and k % 2 == 1:
            w_k, u_k = tf.reverse(w_k, [-1]), tf.reverse(u_k, [-1])
        s = tf.linalg.matvec(w_k, x) + b[..., k, :]
        x = x + tf.linalg.matvec(u_k, tf.tanh(s), transpose_a=True)
        collected.append(s)
    log_dets = planar_log_det(tf.stack(collected, axis=-2), layers)
    return x, tf.reduce_sum(log_dets, axis=[-2, -1])
