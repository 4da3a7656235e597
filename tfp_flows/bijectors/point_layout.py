"""Points of any shape as samples of a batch of flows, and back."""

from collections.abc import Callable

import tensorflow as tf

from tfp_flows import numerics


def flatten_points(
    points: tf.Tensor, parameters: list, event_ndims: list
) -> tuple[tf.Tensor, list, Callable]:
    """Points as S samples for each member of a batch of parameters.

    Args:
      points: `Tensor` of shape `[..., D]`, of any rank, known or not.
      parameters: list of `Tensor`s of shape `[*batch, *event]`, of static rank, whose
        batch shapes broadcast together and against that of `points`.
      event_ndims: list of `int`: the rank of `event` of each.

    Returns:
      `(flat, parameters, restore)`: points of shape `[S, *B, D]`, parameters of shape
      `[*B, *event]`, and a function that takes `[S, *B, *any]` to `[..., *any]`, where
      `...` is the broadcast shape of the points and the batch.
    """
    parameters = numerics.broadcast_batches(parameters, event_ndims)
    batch = _one_per_member(parameters[0], event_ndims[0])
    points, _ = numerics.broadcast_batches([points, batch], [1, 0])
    full = tf.shape(points)[:-1]
    static = points.shape[:-1]
    rank = batch.shape.rank
    if rank > 0 and all(size == 1 for size in batch.shape):
        # One flow for all points: every axis is one of samples.
        parameters = [tf.squeeze(p, list(range(rank))) for p in parameters]
        rank = 0
    elif rank > 0:
        # Where the points have an axis that the batch lacks, copies of parameters.
        member = tf.zeros(full[-rank:])
        member.set_shape([None] * rank)  # also if the rank of the points is unknown
        parameters = numerics.broadcast_batches([*parameters, member], [*event_ndims, 0])[
            :-1
        ]
    sizes = tf.concat([[-1], full[-rank:] if rank else [], tf.shape(points)[-1:]], 0)
    flat = points
    if static.rank != rank + 1:
        flat = tf.ensure_shape(
            tf.reshape(points, sizes), [None] * (rank + 1) + [points.shape[-1]]
        )

    def restore(value: tf.Tensor) -> tf.Tensor:
        event = value.shape.rank - 1 - rank
        if static.rank != rank + 1:
            shape = tf.concat([full, tf.shape(value)[1 + rank :]], axis=0)
            event_shape = value.shape[value.shape.rank - event :]
            value = tf.reshape(value, shape)
            value.set_shape(static.concatenate(event_shape))
        return value

    return flat, parameters, restore


def _one_per_member(parameter: tf.Tensor, event_ndims: int) -> tf.Tensor:
    """A `Tensor` of the batch shape of `parameter`."""
    return parameter[(..., *[0] * event_ndims)]


def samples_last(flat: tf.Tensor) -> tf.Tensor:
    """`[S, *B, D]` to `[D, *B, S]`, or back."""
    rank = flat.shape.rank
    return tf.transpose(flat, [rank - 1, *range(1, rank - 1), 0])


def batches_first(flat: tf.Tensor) -> tf.Tensor:
    """`[S, *B, D]` to `[*B, S, D]`."""
    rank = flat.shape.rank
    if rank == 2:
        return flat
    return tf.transpose(flat, [*range(1, rank - 1), 0, rank - 1])


def samples_first(value: tf.Tensor, event_ndims: int) -> tf.Tensor:
    """`[*B, S, *event]` to `[S, *B, *event]`."""
    rank = value.shape.rank
    axis = rank - 1 - event_ndims
    if axis == 0:
        return value
    return tf.transpose(value, [axis, *range(axis), *range(axis + 1, rank)])


def layers_first(parameter: tf.Tensor, event_ndims: int) -> tf.Tensor:
    """`[*B, K, *event]` to `[K, *event, *B, 1]`, to meet points `[D, *B, S]`."""
    rank = parameter.shape.rank
    first = rank - event_ndims - 1
    axes = [*range(first, rank), *range(first)]
    return tf.transpose(parameter, axes)[..., tf.newaxis]


def layers_second_last(scalars: tf.Tensor) -> tf.Tensor:
    """`[K, *B, S]` to `[*B, K, S]`."""
    rank = scalars.shape.rank
    return tf.transpose(scalars, [*range(1, rank - 1), 0, rank - 1])
