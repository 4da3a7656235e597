"""K planar layers on points of few dimensions: elementwise, the sample axis last."""

from collections.abc import Callable

import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.bijectors.layer_loop import run_layers_in_place
from tfp_flows.bijectors.planar_layer import TanhUnits
from tfp_flows.bijectors.point_layout import (
    batches_first,
    layers_first,
    layers_second_last,
    samples_last,
)


def forward_elementwise(x: tf.Tensor, layers: TanhUnits) -> tuple[tf.Tensor, tf.Tensor]:
    """Feeds points through K planar layers, one after the other.

    Args:
      x: `Tensor` of shape `[S, *B, D]`, D static and small.
      layers: `TanhUnits` of shape `[*B, K]`.

    Returns:
      The image, `[S, *B, D]`, and the pre-activations, `[*B, K, S]`.
    """
    # The points know D; the parameters may not.
    w, u_hat = (
        tf.ensure_shape(value, [*value.shape[:-1], x.shape[-1]])
        for value in (layers.w, layers.u_hat)
    )
    y, s = _run(x, w, u_hat, layers.b)
    return y, layers_second_last(s)


@tf.custom_gradient
def _run(x: tf.Tensor, w: tf.Tensor, u_hat: tf.Tensor, b: tf.Tensor) -> tuple:
    """The image, `[S, *B, D]`, and the pre-activations, `[K, *B, S]`.

    The gradient needs the pre-activations alone, not the points between the layers:
    with v_k the gradient to s_k, and M = v tanh(s)^T, K x K per member of the batch,

        grad w_k = sum_S v_k z_{k-1} = sum_S v_k x + sum_{j<k} M_kj u_hat_j,

    and likewise for u_hat. Automatic differentiation of the loop would store every
    intermediate number of every layer, which doubles the time of a training step.
    """
    num_layers, event_size = w.shape[-2:]
    normals, steps = layers_first(w, 1), layers_first(u_hat, 1)
    offsets = layers_first(b, 0)

    def along(vectors: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
        return tf.add_n([vectors[d] * points[d] for d in range(event_size)])

    def run(
        value_fn: Callable, move_fn: Callable, points: tf.Tensor, reverse: bool = False
    ) -> tuple:
        z = samples_last(points)
        z, values = run_layers_in_place(
            value_fn, move_fn, z, num_layers, value_shape=z.shape[1:], reverse=reverse
        )
        return samples_last(z), values

    y, s = run(
        lambda k, z: along(normals[k], z) + offsets[k],
        lambda k, z, s_k: z + steps[k] * tf.tanh(s_k),
        x,
    )

    def grad(by_y: tf.Tensor, by_s: tf.Tensor) -> tuple:
        t, slope = numerics.tanh_and_slope(s)
        by_x, v = run(
            lambda k, g: by_s[k] + slope[k] * along(steps[k], g),
            lambda k, g, v_k: g + normals[k] * v_k,
            by_y,
            reverse=True,
        )
        v, t = layers_second_last(v), layers_second_last(t)
        m = numerics.strictly_lower(tf.matmul(v, t, transpose_b=True))
        by_w = v @ batches_first(x) + m @ u_hat
        by_u_hat = t @ batches_first(by_y) + tf.matmul(m, w, transpose_a=True)
        return by_x, by_w, by_u_hat, numerics.sum_last_axis(v)

    return (y, s), grad
