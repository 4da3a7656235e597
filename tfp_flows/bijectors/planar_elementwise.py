"""K planar layers on points of few dimensions: elementwise, the sample axis last."""

import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.bijectors.point_layout import (
    batches_first,
    layers_first,
    layers_second_last,
    samples_last,
)


def forward_elementwise(x, w, b, layers):
    """Feeds points through K planar layers, one after the other.

    Args:
      x: `Tensor` of shape `[S, *B, D]`, D static and small.
      w: `Tensor` of shape `[*B, K, D]`.
      b: `Tensor` of shape `[*B, K]`.
      layers: `Constrained`, of shapes `[*B, K, D]` and `[*B, K]`.

    Returns:
      The image, `[S, *B, D]`, and the pre-activations, `[*B, K, S]`.
    """
    y, s = _run(x, w, layers.u_hat, b)
    return y, layers_second_last(s)


@tf.custom_gradient
def _run(x, w, u_hat, b):
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

    def along(vectors, coordinates):
        return tf.add_n([vectors[d] * coordinates[d] for d in range(event_size)])

    def layer(k, z, s):
        normal, step = normals[k], steps[k]
        s_k = along(normal, z) + offsets[k]
        t = tf.tanh(s_k)
        return k + 1, [z[d] + step[d] * t for d in range(event_size)], s.write(k, s_k)

    points = samples_last(x)
    s = tf.TensorArray(x.dtype, num_layers, element_shape=points.shape[1:])
    _, y, s = _loop(layer, num_layers, tf.unstack(points), s)
    y, s = samples_last(tf.stack(y)), s.stack()

    def grad(by_y, by_s):
        t, slope = numerics.tanh_and_slope(s)

        def layer(step, g, v):
            k = num_layers - 1 - step
            v_k = by_s[k] + slope[k] * along(steps[k], g)
            g = [g[d] + normals[k, d] * v_k for d in range(event_size)]
            return step + 1, g, v.write(k, v_k)

        v = tf.TensorArray(x.dtype, num_layers, element_shape=points.shape[1:])
        _, by_x, v = _loop(layer, num_layers, tf.unstack(samples_last(by_y)), v)
        v, t = layers_second_last(v.stack()), layers_second_last(t)
        m = numerics.strictly_lower(tf.matmul(v, t, transpose_b=True))
        by_w = v @ batches_first(x) + m @ u_hat
        by_u_hat = t @ batches_first(by_y) + tf.matmul(m, w, transpose_a=True)
        return samples_last(tf.stack(by_x)), by_w, by_u_hat, numerics.sum_last_axis(v)

    return (y, s), grad


def _loop(body, num_layers, points, scalars):
    """A `tf.while_loop` over the layers, of constant compile time."""
    return tf.while_loop(
        lambda k, *_: k < num_layers,
        body,
        (0, points, scalars),
        maximum_iterations=num_layers,
    )
