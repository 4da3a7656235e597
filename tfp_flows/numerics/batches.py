"""Many points, some at a time, which bounds memory."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

# Points per call: of what takes little memory for each; and of what may take much, such
# as the density of a posterior of thousands of observations.
MOST_POINTS, FEW_POINTS = 65_536, 4_096


def in_batches(function: Callable, points: np.ndarray | tf.Tensor, size: int) -> Any:
    """`function` of all points, called with some of them at a time, eagerly.

    Args:
      function: callable, `Tensor` `[S, ...]` to a `Tensor` `[S, ...]` or a structure of
        them.
      points: `[N, ...]`, N >= 1.
      size: S, at most.

    Returns:
      Array `[N, ...]`, or a structure of them.
    """
    starts = range(0, len(points), size)
    parts = [function(tf.convert_to_tensor(points[i : i + size])) for i in starts]
    return tf.nest.map_structure(lambda *arrays: np.concatenate(arrays), *parts)
