"""Parameters of bijectors as tensors: live variables, dtypes, event sizes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.numerics.arrays import CONVERSION_ERRORS


def epsilon(dtype: tf.DType) -> float:
    """The spacing of floats of `dtype` at 1, a Python float."""
    dtype = tf.as_dtype(dtype)
    if dtype == tf.bfloat16:  # unknown to NumPy
        return 2.0**-7
    return float(np.finfo(dtype.as_numpy_dtype).eps)


def is_live(value: Any) -> bool:
    """Whether `value` may change after construction (a Variable or a Module)."""
    return isinstance(value, tf.Variable) or (
        isinstance(value, tf.Module)
        and hasattr(value, "dtype")
        and hasattr(value, "shape")
    )


def check_dtype(dtype: Any, name: str = "dtype") -> tf.DType:
    """Returns `dtype` as a `tf.DType` if it is floating, or raises TypeError."""
    try:
        found = tf.as_dtype(dtype)
    except (TypeError, ValueError):
        found = None
    if found is None or not found.is_floating:
        got = repr(dtype) if found is None else found.name
        raise TypeError(
            f"`{name}` must be floating-point, such as tf.float32, but got {got}."
        )
    return found


def common_dtype(default: tf.DType = tf.float32, **parameters: Any) -> tf.DType:
    """The one dtype of the `parameters` that have one.

    Args:
      default: dtype to return when no parameter has a dtype (Python numbers).
      **parameters: name = value; a value is anything `tf.convert_to_tensor` takes.

    Returns:
      A floating `tf.DType`.

    Raises:
      TypeError: if two parameters differ in dtype, if the dtype is not floating, or
        if a parameter is a `keras.Variable`, which `tf.convert_to_tensor` would
        silently freeze into a constant.
    """
    found = {}
    for name, value in parameters.items():
        if type(value).__module__.startswith("keras.") and hasattr(value, "value"):
            raise TypeError(
                f"`{name}` is a keras.Variable, which a bijector would freeze into a "
                "constant that never trains; pass its TensorFlow variable, "
                f"`{name}.value`, instead."
            )
        if hasattr(value, "dtype"):
            found[name] = check_dtype(value.dtype, name)
    if len(set(found.values())) > 1:
        listing = ", ".join(f"{name}: {dtype.name}" for name, dtype in found.items())
        raise TypeError(
            f"Parameters must share one dtype, but have {listing}; cast them to the "
            "dtype of the points that they will transform."
        )
    return next(iter(found.values()), check_dtype(default, "default"))


def as_parameter(
    value: Any, dtype: tf.DType, name: str
) -> tf.Tensor | tf.Variable | tf.Module:
    """`value` as a tensor of `dtype`, or untouched when it is live (read later).

    Raises:
      TypeError: if it cannot be made a tensor.
    """
    if is_live(value):
        return value
    try:
        return tf.convert_to_tensor(value, dtype=dtype, name=name)
    except CONVERSION_ERRORS as error:
        raise TypeError(
            f"`{name}` must be numbers of {dtype.name}, but got {value!r} ({error})."
        ) from error


def check_event_size(
    x: tf.Tensor, parameter: tf.Tensor, *, bijector: str, name: str
) -> None:
    """Raises if the last axes of `x` and `parameter` are known and differ.

    Without this check a size-1 axis would broadcast silently, and any other
    mismatch would surface as an error deep inside an op.

    Args:
      x: `Tensor` of shape `[..., D]`, the input of a bijector.
      parameter: `Tensor` of shape `[..., D]`.
      bijector: name of the bijector, for the message.
      name: name of the parameter, for the message.

    Raises:
      ValueError: if `x` is a scalar or its event size is not that of `parameter`.
    """
    if x.shape.rank == 0:
        raise ValueError(f"{bijector} transforms vectors [..., D], but got a scalar.")
    if x.shape.rank is None or parameter.shape.rank is None:
        return
    arrived, expected = x.shape[-1], parameter.shape[-1]
    if arrived is not None and expected is not None and arrived != expected:
        raise ValueError(
            f"{bijector} got points of event size {arrived} (shape {x.shape}), but "
            f"its `{name}` has event size {expected} (shape {parameter.shape}); pass "
            f"points of shape [..., {expected}], or build the bijector for event size "
            f"{arrived}."
        )


def check_same_event(bijector: str, **parameters: Any) -> None:
    """Raises unless the vectors `parameters` have one event size, where it is known.

    Args:
      bijector: name of the bijector, for the message.
      **parameters: name = `Tensor` or `tf.Variable` of shape `[..., D]`.

    Raises:
      ValueError: if a parameter is a scalar, or two known event sizes differ.
    """
    for name, value in parameters.items():
        if value.shape.rank == 0:
            raise ValueError(
                f"{bijector} needs `{name}` of shape [..., D], but got a scalar; pass "
                "a vector, of size 1 for one-dimensional events."
            )
    sizes = {
        name: value.shape[-1]
        for name, value in parameters.items()
        if value.shape.rank is not None and value.shape[-1] is not None
    }
    if len(set(sizes.values())) > 1:
        raise ValueError(
            f"{bijector} needs parameters of one event size D in their last axis, but "
            f"got {', '.join(f'{name}: {size}' for name, size in sizes.items())}."
        )


def check_batches(
    bijector: str, event_ndims: Mapping[str, int], **parameters: Any
) -> None:
    """Raises unless the batch axes of `parameters` broadcast, where they are known.

    Args:
      bijector: name of the bijector, for the message.
      event_ndims: name = how many of the last axes are no batch axes.
      **parameters: name = `Tensor` or `tf.Variable`.

    Raises:
      ValueError: if a parameter has fewer axes, or two batch shapes do not broadcast.
    """
    batch = tf.TensorShape([])
    for name, value in parameters.items():
        if value.shape.rank is None:
            continue
        ndims = value.shape.rank - event_ndims[name]
        if ndims < 0:
            raise ValueError(
                f"{bijector} needs `{name}` of {event_ndims[name]} axes and those of a "
                f"batch, but got shape {value.shape}."
            )
        try:
            batch = tf.broadcast_static_shape(batch, value.shape[:ndims])
        except ValueError as error:
            shapes = ", ".join(f"{key}: {v.shape}" for key, v in parameters.items())
            raise ValueError(
                f"{bijector} needs parameters of batch shapes that broadcast, but got "
                f"{shapes}."
            ) from error


def check_finite(
    is_init: bool, bijector: str, **parameters: Any
) -> list[tf.Operation | tf.Tensor]:
    """Ops that fail where a parameter is not finite, for `validate_args`.

    Args:
      is_init: whether the caller is being built. Constants are checked then, live
        parameters at each use.
      bijector: name of the bijector, for the message.
      **parameters: name = floating `Tensor` or `tf.Variable`.

    Returns:
      List of ops.
    """
    checks = [
        tf.debugging.check_numerics(value, f"{bijector}: `{name}` must be finite")
        for name, value in parameters.items()
        if is_init != is_live(value)
    ]
    return [] if tf.executing_eagerly() else checks


def has_only_cpus() -> bool:
    """Whether TensorFlow sees no other device, such as a GPU."""
    return all(d.device_type == "CPU" for d in tf.config.get_visible_devices())
