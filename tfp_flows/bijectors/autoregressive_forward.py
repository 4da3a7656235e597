"""K autoregressive layers on points: the image."""

from typing import NamedTuple

import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.bijectors.autoregressive_layer import (
    MaskedNetworks,
    log_scale,
    log_scale_slope,
    silu_and_slope,
)
from tfp_flows.bijectors.layer_loop import run_layers
from tfp_flows.bijectors.point_layout import (
    batches_first,
    layers_second_last,
    merge_axes,
    move_axis,
    samples_first,
)


class Trace(NamedTuple):
    """What K layers did on the way, of which all derivatives are made.

    Attributes:
      z: `Tensor` of shape `[K, *B, D, S]`, the points before each layer.
      s: `Tensor` of shape `[K, *B, H, S]`, the pre-activations of the hidden units.
      a: `Tensor` of shape `[K, *B, D, S]`, the outputs that log scales are made of.
    """

    z: tf.Tensor
    s: tf.Tensor
    a: tf.Tensor


def forward_autoregressive(
    x: tf.Tensor, networks: MaskedNetworks
) -> tuple[tf.Tensor, tf.Tensor]:
    """The image of K layers, and the log-dets.

    Args:
      x: `Tensor` of shape `[S, *B, D]`.
      networks: `MaskedNetworks`, of batch shape `[*B]`.

    Returns:
      The image, `[S, *B, D]`, and the log-dets of the layers, `[*B, K, S]`.
    """
    points = tf.linalg.matrix_transpose(batches_first(x))
    y, a = _forward(points, *layers_first(networks))
    y = samples_first(tf.linalg.matrix_transpose(y), event_ndims=1)
    return y, layers_second_last(tf.reduce_sum(log_scale(a), axis=-2))


def layers_first(networks: MaskedNetworks) -> MaskedNetworks:
    """The networks of K layers one after the other, each with one matrix of outputs.

    Args:
      networks: `MaskedNetworks`, of batch shape `[*B]`.

    Returns:
      Of shapes w `[K, *B, H, D]`, b `[K, *B, H]`, v `[K, *B, 2 D, H]`, c `[K, *B, 2 D]`.
    """
    w, b, v, c = networks
    v, c = merge_axes(v, event_ndims=1), merge_axes(c, event_ndims=0)
    return MaskedNetworks(
        move_axis(w, -3, 0), move_axis(b, -2, 0), move_axis(v, -3, 0), move_axis(c, -2, 0)
    )


def run_forward(
    points: tf.Tensor, w: tf.Tensor, b: tf.Tensor, v: tf.Tensor, c: tf.Tensor
) -> tuple[tf.Tensor, Trace]:
    """The image of points `[*B, D, S]`, and the `Trace`; see `layers_first`."""
    of_units = points.shape[:-2].concatenate([w.shape[-2], points.shape[-1]])

    def layer(k: tf.Tensor, z: tf.Tensor) -> tuple:
        s = tf.matmul(w[k], z) + b[k][..., tf.newaxis]
        outputs = tf.matmul(v[k], silu_and_slope(s)[0]) + c[k][..., tf.newaxis]
        shift, a = tf.split(outputs, 2, axis=-2)
        return shift + tf.exp(log_scale(a)) * z, Trace(z, s, a)

    shapes = Trace(points.shape, of_units, points.shape)
    return run_layers(layer, points, w.shape[0], value_shapes=shapes)


@tf.custom_gradient
def _forward(
    points: tf.Tensor, w: tf.Tensor, b: tf.Tensor, v: tf.Tensor, c: tf.Tensor
) -> tuple:
    """The image of points `[*B, D, S]`, and the outputs a, `[K, *B, D, S]`.

    The gradient needs the trace; automatic differentiation of the loop would store more,
    and add up the gradients of all parameters once a layer.
    """
    y, trace = run_forward(points, w, b, v, c)

    def grad(by_y: tf.Tensor, by_a: tf.Tensor) -> tuple:
        h, slope = silu_and_slope(trace.s)
        by_z, by_scale = image_slopes(trace)

        def layer(k: tf.Tensor, g: tf.Tensor) -> tuple:
            by_outputs = tf.concat([g, by_a[k] + g * by_scale[k]], axis=-2)
            by_s = slope[k] * tf.matmul(v[k], by_outputs, transpose_a=True)
            g = g * by_z[k] + tf.matmul(w[k], by_s, transpose_a=True)
            return g, (by_outputs, by_s)

        of_outputs = by_y.shape[:-2].concatenate([v.shape[-2], by_y.shape[-1]])
        by_points, (by_outputs, by_s) = run_layers(
            layer,
            by_y,
            w.shape[0],
            value_shapes=(of_outputs, trace.s.shape[1:]),
            reverse=True,
        )
        return by_points, *parameter_gradients(trace.z, h, by_outputs, by_s)

    return (y, trace.a), grad


def image_slopes(trace: Trace) -> tuple[tf.Tensor, tf.Tensor]:
    """The derivatives of shift + scale z, coordinate by coordinate: to z, and to a."""
    scale = tf.exp(log_scale(trace.a))
    return scale, scale * trace.z * log_scale_slope(trace.a)


def parameter_gradients(
    z: tf.Tensor, h: tf.Tensor, by_outputs: tf.Tensor, by_s: tf.Tensor
) -> tuple:
    """The gradients to w, b, v and c of `layers_first`.

    Args:
      z: `Tensor` of shape `[K, *B, D, S]`, the points.
      h: `Tensor` of shape `[K, *B, H, S]`, the hidden units.
      by_outputs: `Tensor` of shape `[K, *B, 2 D, S]`, the gradient to shifts and a.
      by_s: `Tensor` of shape `[K, *B, H, S]`, the gradient to the pre-activations.

    Returns:
      Four `Tensor`s.
    """
    return (
        tf.matmul(by_s, z, transpose_b=True),
        numerics.sum_last_axis(by_s),
        tf.matmul(by_outputs, h, transpose_b=True),
        numerics.sum_last_axis(by_outputs),
    )
