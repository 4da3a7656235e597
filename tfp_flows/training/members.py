"""The members of a batch of flows: leading axes of variables, losses and traces."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfp_flows.types import Variables


def num_batch_axes(variables: Variables, batch_shape: tf.TensorShape) -> int:
    """How many leading axes of every variable are those of the batch: all or none."""
    rank = batch_shape.rank
    is_member_wise = all(v.shape[:rank] == batch_shape for v in variables)
    return rank if is_member_wise else 0


def expand(member: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """`member` with as many trailing axes as broadcast it against `like`."""
    return tf.reshape(member, member.shape + [1] * (like.shape.rank - member.shape.rank))


def choose(
    condition: tf.Tensor, parameters: Sequence, others: Sequence
) -> tuple[tf.Tensor, ...]:
    """`parameters` for the members of the batch that meet `condition`, else `others`."""
    condition = tf.convert_to_tensor(condition)
    return tuple(
        tf.where(expand(condition, parameter), parameter, other)
        for parameter, other in zip(parameters, others, strict=True)
    )


def take_members(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Members of a batch, chosen for each place of the other batch axes.

    Args:
      values: array `[R, ...batch, ...event]`.
      index: array of `int`, `[n, ...batch]`.

    Returns:
      Array `[n, ...batch, ...event]`.
    """
    index = index.reshape(index.shape + (1,) * (values.ndim - index.ndim))
    return np.take_along_axis(values, index, axis=0)


def take_from_trace(trace: np.ndarray, index: np.ndarray) -> np.ndarray:
    """As `take_members`, of each step of a trace, `[N, R, ...batch]`."""
    return np.take_along_axis(trace, index[np.newaxis], axis=1)
