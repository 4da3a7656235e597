"""K Sylvester layers on points, the sample axis last: the forward map.

Layer by layer, as M units at once are work enough for a step of a loop. The inverse and
the score are those of K M planar layers, in `planar_compact`.
"""

import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.bijectors.layer_loop import run_layers
from tfp_flows.bijectors.planar_layer import TanhUnits
from tfp_flows.bijectors.point_layout import batches_first, samples_first


def merge_units(units: TanhUnits) -> TanhUnits:
    """Units of shape `[..., K, M]`, K layers of M, as `[..., K M]`."""
    event_ndims = (1, 0, 1, 0, 0, 0)
    return TanhUnits(*map(_merge, units, event_ndims))


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
    s = tf.transpose(
        s, [*range(1, s.shape.rank - 2), 0, s.shape.rank - 2, s.shape.rank - 1]
    )
    return samples_first(tf.linalg.matrix_transpose(y), event_ndims=1), _merge(s, 1)


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


def _merge(value: tf.Tensor, event_ndims: int) -> tf.Tensor:
    """`[..., K, M, *event]` to `[..., K M, *event]`."""
    axis = value.shape.rank - event_ndims - 2
    k, m = value.shape[axis : axis + 2]
    units = -1 if m is None else k * m
    return _with_sizes(value, [units], axis, axis + 2)


def _layers_first(value: tf.Tensor, num_layers: int, event_ndims: int) -> tf.Tensor:
    """`[*B, K M, *event]` to `[K, *B, M, *event]`."""
    rank = value.shape.rank
    axis = rank - event_ndims - 1
    units = value.shape[axis]
    sizes = [num_layers, -1 if units is None else units // num_layers]
    split = _with_sizes(value, sizes, axis, axis + 1)
    return tf.transpose(split, [axis, *range(axis), *range(axis + 1, rank + 1)])


def _with_sizes(value: tf.Tensor, sizes: list, start: int, stop: int) -> tf.Tensor:
    """The value with other sizes in place of those of the axes from start to stop."""
    shape = tf.shape(value)
    return tf.reshape(value, tf.concat([shape[:start], sizes, shape[stop:]], axis=0))
