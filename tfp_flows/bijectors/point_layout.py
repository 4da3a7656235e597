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
    return move_axis(flat, 0, -2)


def samples_first(value: tf.Tensor, event_ndims: int) -> tf.Tensor:
    """`[*B, S, *event]` to `[S, *B, *event]`."""
    return move_axis(value, -1 - event_ndims, 0)


def layers_first(parameter: tf.Tensor, event_ndims: int) -> tf.Tensor:
    """`[*B, K, *event]` to `[K, *event, *B, 1]`, to meet points `[D, *B, S]`."""
    rank = parameter.shape.rank
    first = rank - event_ndims - 1
    axes = [*range(first, rank), *range(first)]
    return tf.transpose(parameter, axes)[..., tf.newaxis]


def layers_second_last(scalars: tf.Tensor) -> tf.Tensor:
    """`[K, *B, S]` to `[*B, K, S]`."""
    return move_axis(scalars, 0, -2)


def move_axis(value: tf.Tensor, source: int, target: int) -> tf.Tensor:
    """As `np.moveaxis`, of a `Tensor` of static rank."""
    axes = list(range(value.shape.rank))
    source, target = source % len(axes), target % len(axes)
    if source == target:
        return value
    axes.insert(target, axes.pop(source))
    return tf.transpose(value, axes)


def merge_axes(value: tf.Tensor, event_ndims: int) -> tf.Tensor:
    """`[..., K, M, *event]` to `[..., K M, *event]`."""
    axis = value.shape.rank - event_ndims - 2
    k, m = value.shape[axis : axis + 2]
    units = -1 if m is None else k * m
    return with_sizes(value, [units], axis, axis + 2)


def with_sizes(value: tf.Tensor, sizes: list, start: int, stop: int) -> tf.Tensor:
    """The value with other sizes in place of those of the axes from start to stop."""
    shape = tf.shape(value)
    return tf.reshape(value, tf.concat([shape[:start], sizes, shape[stop:]], axis=0))
