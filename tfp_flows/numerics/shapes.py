"""Sums and broadcasts along batch axes, and triangles of matrices."""

import functools
from collections.abc import Callable, Sequence

import tensorflow as tf

from tfp_flows.numerics.tensors import has_only_cpus


def sum_to_shape_of(gradient: tf.Tensor, argument: tf.Tensor) -> tf.Tensor:
    """The gradient to an argument from that to what it was broadcast to: a sum."""
    if gradient.shape.is_fully_defined() and gradient.shape == argument.shape:
        return gradient
    if argument.shape.rank and argument.shape.rank > 1:
        known = gradient.shape[:-1].is_fully_defined()
        if (
            known
            and gradient.shape[:-1] == argument.shape[:-1]
            and argument.shape[-1] == 1
        ):
            return sum_last_axis(gradient)[..., tf.newaxis]
    shape = tf.shape(argument)
    _, axes = tf.raw_ops.BroadcastGradientArgs(s0=tf.shape(gradient), s1=shape)
    return tf.reshape(tf.reduce_sum(gradient, axes), shape)


def sum_last_axis(x: tf.Tensor) -> tf.Tensor:
    """`tf.reduce_sum(x, axis=-1)` of `[..., N]`, as a product with ones.

    Under XLA on CPUs that takes half as long.
    """
    # A product of matrices: of a batch of shape [K, 1, B], TensorFlow 2.21 reads and
    # writes memory that is not its own (https://github.com/tensorflow/tensorflow/issues/
    # 117700).
    shape = tf.shape(x)
    ones = tf.ones([shape[-1], 1], x.dtype)
    matrix = tf.reshape(x, tf.stack([tf.reduce_prod(shape[:-1]), shape[-1]]))
    sums = tf.matmul(matrix, ones)
    return tf.ensure_shape(tf.reshape(sums, shape[:-1]), x.shape[:-1])


def sum_layers(x: tf.Tensor) -> tf.Tensor:
    """`tf.reduce_sum(x, axis=-2)` of `[..., K, S]`.

    XLA on CPUs would compute what is summed within the sum, number by number: sums of
    logarithms take three times as long. A product of matrices keeps them apart. Other
    devices may round the factors of products: there it is a sum, but not in a SavedModel
    that was made where there are CPUs only.
    """
    return _sum_by_product(x) if has_only_cpus() else tf.reduce_sum(x, axis=-2)


@tf.custom_gradient
def _sum_by_product(x: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    rank = x.shape.rank
    first = tf.transpose(x, [rank - 2, *range(rank - 2), rank - 1])
    shape = tf.shape(first)
    matrix = tf.reshape(first, [shape[0], -1])
    # Two rows: of one, XLA makes a sum again.
    sums = tf.matmul(tf.ones([2, shape[0]], x.dtype), matrix)[0]

    def grad(upstream: tf.Tensor) -> tf.Tensor:
        return tf.broadcast_to(upstream[..., tf.newaxis, :], tf.shape(x))

    return tf.ensure_shape(tf.reshape(sums, shape[1:]), first.shape[1:]), grad


def broadcast_batches(
    tensors: list[tf.Tensor], event_ndims: Sequence[int]
) -> list[tf.Tensor]:
    """Broadcasts the batch axes of several tensors to their common shape.

    Args:
      tensors: list of `Tensor`s of shape `[..., *event]`.
      event_ndims: list of `int`: how many of the last axes of each to leave alone.

    Returns:
      List of `Tensor`s of shape `[*batch, *event]`.
    """
    pairs = list(zip(tensors, event_ndims, strict=True))
    static = [
        t.shape[: t.shape.rank - n] if t.shape.rank is not None else t.shape
        for t, n in pairs
    ]
    batch = functools.reduce(tf.broadcast_static_shape, static)
    if batch.is_fully_defined():
        if all(shape == batch for shape in static):
            return tensors
        target = batch.as_list()
    else:
        target = functools.reduce(
            tf.broadcast_dynamic_shape,
            [tf.shape(t)[: tf.rank(t) - n] for t, n in pairs],
        )
    return [
        t
        if shape.is_fully_defined() and shape == batch
        else _broadcast(t, target, batch, n)
        for (t, n), shape in zip(pairs, static, strict=True)
    ]


def _broadcast(
    tensor: tf.Tensor,
    target: tf.Tensor | list[int],
    batch: tf.TensorShape,
    event_ndims: int,
) -> tf.Tensor:
    event = tf.shape(tensor)[tf.rank(tensor) - event_ndims :]
    result = tf.broadcast_to(tensor, tf.concat([target, event], axis=0))
    if tensor.shape.rank is not None and batch.rank is not None:
        event = tensor.shape[tensor.shape.rank - event_ndims :]
        result.set_shape(batch.concatenate(event))
    return result


def strictly_lower(matrix: tf.Tensor) -> tf.Tensor:
    """The part of `[..., K, K]` below the diagonal, zeros elsewhere."""
    # Not by tf.linalg.set_diag, whose gradient XLA cannot compile for batches whose size
    # is not known statically.
    return tf.linalg.band_part(matrix, -1, 0) - tf.linalg.band_part(matrix, 0, 0)
