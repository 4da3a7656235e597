"""Checks of the points that a maximum-likelihood fit is given."""

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics
from tfp_flows.types import Points


def as_points(flow: tfd.Distribution, data: Any, name: str) -> np.ndarray:
    """Finite points as an array `[N, *event_shape]` of the flow's dtype.

    Raises:
      TypeError: if it is no array of floating-point numbers, or a `tf.Tensor` of another
        dtype than the flow's.
      ValueError: if the shape is not that, or a number is NaN or infinite.
    """
    if tf.is_tensor(data) or isinstance(data, tf.Variable):
        check_dtype(flow, data.dtype, name)
        data = tf.convert_to_tensor(data)
    numerics.check_not_masked("The fit", name, data)
    points = numerics.as_array(name, data)
    if not tf.is_tensor(data) and not np.issubdtype(points.dtype, np.floating):
        raise TypeError(
            f"`{name}` must be floating-point numbers, but is {points.dtype}; convert it "
            "with .astype, and if it is discrete, add uniform noise first (a density of "
            "integers grows without bound)."
        )
    check_shape(flow, points.shape, name)
    # NumPy computes in float64 by default: cast, as TFP does with arrays.
    with np.errstate(over="ignore"):
        points = points.astype(flow.dtype.as_numpy_dtype, copy=False)
    numerics.check_finite_points(points, name)
    return points


def check_dtype(flow: tfd.Distribution, dtype: tf.DType, name: str) -> None:
    """Raises TypeError unless `dtype` is that of the flow."""
    if dtype != flow.dtype:
        raise TypeError(
            f"`{name}` is {tf.as_dtype(dtype).name}, but the flow is {flow.dtype.name}; "
            f"convert it with tf.cast, or build the flow with dtype=tf."
            f"{tf.as_dtype(dtype).name}."
        )


def check_shape(flow: tfd.Distribution, shape: Sequence[int | None], name: str) -> None:
    """Raises ValueError unless `shape` is `[N, *event_shape]`."""
    event_shape = tuple(flow.event_shape)
    if len(shape) == 0 or tuple(shape[1:]) != event_shape:
        expected = ", ".join(["N", *map(str, event_shape)])
        raise ValueError(
            f"`{name}` has shape {tuple(shape)}, but {flow.name} is a density of points "
            f"of shape {event_shape}; pass an array of shape [{expected}], one row per "
            "point."
        )


def check_split(validation_split: float | None, validation_data: Points | None) -> None:
    """Raises ValueError unless the split is in [0, 1), and 0 beside other points."""
    if validation_split is None:
        return
    if validation_data is not None and validation_split != 0.0:
        raise ValueError(
            "Pass `validation_split` or `validation_data`, not both: the split takes "
            "points off `data`."
        )
    is_number = isinstance(validation_split, numbers.Real)
    if not is_number or not 0.0 <= validation_split < 1.0:
        raise ValueError(
            "`validation_split` must be a share of the points in [0, 1), but got "
            f"{validation_split!r}."
        )


def resolve_batch_size(batch_size: int | None, num_points: int) -> int:
    """The batch size: that given, or 256, or all points if fewer."""
    if batch_size is None:
        return min(256, num_points)
    if batch_size > num_points:
        raise ValueError(
            f"`batch_size` is {batch_size}, but only {num_points} points are left to "
            f"train on; pass at most {num_points}, or more points."
        )
    return batch_size


def first_log_prob(flow: tfd.Distribution, points: np.ndarray) -> None:
    """Evaluates the density at a few points, eagerly; this builds its networks, too.

    Raises:
      ValueError: if it fails, or does not return one number per point.
    """
    points = align(flow, tf.constant(points[:2]))
    try:
        log_prob = flow.log_prob(points)
    except (NotImplementedError, ValueError, TypeError, tf.errors.OpError) as error:
        message = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(
            f"{flow.name} cannot evaluate log_prob at given points: {message[0]} If its "
            "bijector has no inverse, tfb.Invert of it has; to fit a density rather than "
            "points, use tff.vi.fit_reverse_kl."
        ) from error
    expected = tf.TensorShape(points.shape[:1]).concatenate(flow.batch_shape)
    if log_prob.shape != expected:
        raise ValueError(
            f"log_prob of {flow.name} has shape {log_prob.shape} for points of shape "
            f"{points.shape}, but one number per point, shape {expected}, was expected."
        )


def align(flow: tfd.Distribution, points: tf.Tensor) -> tf.Tensor:
    """`[N, *event]` as `[N, 1, ..., *event]`, to meet the batch shape of the flow."""
    ones = [1] * flow.batch_shape.rank
    return tf.reshape(points, [*points.shape[:1], *ones, *points.shape[1:]])
