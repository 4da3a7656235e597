"""The mathematics of Sylvester layers, of any form.

With W = R2 Q^T and U = (Q R)^T, [M, D], a layer is f(z) = z + U^T tanh(W z + b), like M
planar layers that do not wait for one another; and W U^T = R2 R is upper triangular. Its
inverse and its score are therefore those of M planar layers, in `planar_compact`.
"""

import numpy as np
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.bijectors.planar_layer import TanhUnits


def constrain_sylvester(
    r: tf.Tensor,
    r2: tf.Tensor,
    b: tf.Tensor,
    v: tf.Tensor | None = None,
    reverse: bool | np.ndarray = False,
) -> TanhUnits:
    """The matrices W and U of layers, and the factors q = 1 + R_mm R2_mm, exact.

    Args:
      r: `Tensor` of shape `[..., M, M]`, of which the upper triangle counts.
      r2: `Tensor` like `r`.
      b: `Tensor` of shape `[..., M]`.
      v: `Tensor` of shape `[..., H, D]`, D >= M, normals of H reflections; or `None`: M =
        D, and Q is the identity, or the reversal of the coordinates.
      reverse: which of the two; of several layers, `[..., 1, 1]`.

    Returns:
      `TanhUnits` of shape `[..., M]`, with W as `w` and U as `u_hat`.
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
    else:
        q = orthonormal_columns(tf.cast(v, tf.float64), tf.shape(r)[-1])
        w = tf.matmul(r2, q, transpose_b=True)
        u = tf.matmul(r, q, transpose_a=True, transpose_b=True)
    w, u, *factors = (tf.cast(result, dtype) for result in (w, u, *factors))
    if np.any(reverse):
        w, u = (tf.where(reverse, tf.reverse(m, [-1]), m) for m in (w, u))
    return TanhUnits(w, b, u, *factors)


def orthonormal_columns(v: tf.Tensor, num_columns: int | tf.Tensor) -> tf.Tensor:
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
def product_factors(x: tf.Tensor) -> tuple:
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

    def grad(
        by_gain: tf.Tensor,
        by_q: tf.Tensor,
        by_q_minus_one: tf.Tensor,
        by_log_q: tf.Tensor,
    ) -> tf.Tensor:
        # By the function itself, so that derivatives of any order are right, at 0 too,
        # where those of |x| are not.
        gain, q, _, _ = product_factors(x)
        root = tf.sqrt(1.0 + tf.square(x))
        by_value = (by_q + by_q_minus_one) * q + by_gain * gain / (1.0 + q)
        return (by_value + by_log_q) / root

    return (gain, q, x * gain, tf.asinh(x)), grad


def check_sylvester_shapes(bijector: str, tensors: dict, layers: str = "") -> None:
    """Raises unless r, r2 [..., M, M], b [..., M], v [..., H, D], D >= M.

    Args:
      bijector: name of the bijector, for the message.
      tensors: name = `Tensor` or `tf.Variable`.
      layers: for the message, the axis of layers that the parameters have, "K, ".

    Raises:
      ValueError: if they do not fit, where known.
    """
    expected = dict(r="M, M", r2="M, M", b="M", v="H, D")
    for name, value in tensors.items():
        rank = 1 if name == "b" else 2
        if value.shape.rank is not None and value.shape.rank < rank:
            raise ValueError(
                f"{bijector} needs `{name}` of shape [..., {layers}{expected[name]}], "
                f"but got shape {value.shape}."
            )
    sizes = set()
    for name, axes in dict(r=(-1, -2), r2=(-1, -2), b=(-1,)).items():
        shape = tensors[name].shape
        if shape.rank is not None:
            sizes |= {shape[axis] for axis in axes} - {None}
    shapes = ", ".join(f"{name}: {value.shape}" for name, value in tensors.items())
    if len(sizes) > 1:
        raise ValueError(
            f"{bijector} needs one number of units M, in `r` and `r2` of shape [..., "
            f"{layers}M, M] and `b` of shape [..., {layers}M], but got {shapes}."
        )
    v = tensors.get("v")
    event_size = None if v is None or v.shape.rank is None else v.shape[-1]
    if sizes and event_size is not None and event_size < max(sizes):
        raise ValueError(
            f"{bijector} needs at most as many units as the event size of `v`, "
            f"{event_size}, but got M = {max(sizes)} ({shapes}); pass smaller `r`, `r2` "
            "and `b`."
        )
