"""K Sylvester layers on points, the sample axis last: the forward map.

Layer by layer, as M units at once are work enough for a step of a loop. The inverse and
the score are those of K M planar layers, in `planar_compact`.
"""

import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.bijectors.layer_loop import run_layers
from tfp_flows.bijectors.planar_layer import TanhUnits
from tfp_flows.bijectors.point_layout import (
    batches_first,
    merge_axes,
    move_axis,
    samples_first,
    with_sizes,
)


def merge_units(units: TanhUnits) -> TanhUnits:
    """Units of shape `[..., K, M]`, K layers of M, as `[..., K M]`."""
    event_ndims = (1, 0, 1, 0, 0, 0)
    return TanhUnits(*map(merge_axes, units, event_ndims))


def forward_sylvester(
    x: tf.Tensor, units: TanhUnits, num_layers: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """The image of K Sylvester layers, and the pre-activations.

    Args:
      x: `Tensor` of shape `[S, *B, D]`.
      units: `TanhUnits` of shape `[*B, K M]`.
      num_layers: K.

    Returns:
      The image, `[S, *B, D]`, and the pre-activations, `[*B, K M, S]`.
    """
    w, u, b = (
        _layers_first(value, num_layers, event_ndims)
        for value, event_ndims in ((units.w, 1), (units.u_hat, 1), (units.b, 0))
    )
    y, s = _run(tf.linalg.matrix_transpose(batches_first(x)), w, u, b)
    y = samples_first(tf.linalg.matrix_transpose(y), event_ndims=1)
    return y, merge_axes(move_axis(s, 0, -3), 1)


@tf.custom_gradient
def _run(z: tf.Tensor, w: tf.Tensor, u: tf.Tensor, b: tf.Tensor) -> tuple:
    """The image of points `[*B, D, S]`, and the pre-activations, `[K, *B, M, S]`.

    The matrices are `[K, *B, M, D]`. The gradient needs the points before each layer and
    the pre-activations; automatic differentiation of the loop would store more, and add
    up the gradients of all matrices once a layer.
    """
    num_layers = w.shape[0]
    of_points = z.shape
    of_units = z.shape[:-2].concatenate([w.shape[-2], z.shape[-1]])

    def layer(k: tf.Tensor, z: tf.Tensor) -> tuple:
        s_k = tf.matmul(w[k], z) + b[k][..., tf.newaxis]
        return z + tf.matmul(u[k], tf.tanh(s_k), transpose_a=True), (z, s_k)

    y, (points, s) = run_layers(layer, z, num_layers, value_shapes=(of_points, of_units))

    def grad(by_y: tf.Tensor, by_s: tf.Tensor) -> tuple:
        t, slope = numerics.tanh_and_slope(s)

        def layer(k: tf.Tensor, g: tf.Tensor) -> tuple:
            v_k = by_s[k] + slope[k] * tf.matmul(u[k], g)
            return g + tf.matmul(w[k], v_k, transpose_a=True), (g, v_k)

        by_z, (g, v) = run_layers(
            layer, by_y, num_layers, value_shapes=(of_points, of_units), reverse=True
        )
        by_w = tf.matmul(v, points, transpose_b=True)
        by_u = tf.matmul(t, g, transpose_b=True)
        return by_z, by_w, by_u, numerics.sum_last_axis(v)

    return (y, s), grad


def _layers_first(value: tf.Tensor, num_layers: int, event_ndims: int) -> tf.Tensor:
    """`[*B, K M, *event]` to `[K, *B, M, *event]`."""
    axis = value.shape.rank - event_ndims - 1
    units = value.shape[axis]
    sizes = [num_layers, -1 if units is None else units // num_layers]
    return move_axis(with_sizes(value, sizes, axis, axis + 1), axis, 0)
