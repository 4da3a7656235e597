"""The observed parts of a joint distribution, checked and pinned."""

import functools
from typing import Any

import numpy as np
import tensorflow as tf
import tree
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics


def pin(joint: tfd.Distribution, pins: dict[str, Any]) -> tfd.Distribution:
    """The joint distribution with its observed parts at their values.

    Args:
      joint: `tfd.JointDistribution`, or one that is pinned already.
      pins: name = value, an array or `Tensor` of the shape of that part.

    Returns:
      `tfp.experimental.distributions.JointDistributionPinned`.

    Raises:
      TypeError: if `joint` is no joint distribution, or a value is no array of numbers.
      ValueError: if no part is pinned, there is none of that name, one is pinned twice,
        a part that is needed does not say its shape, or a value has another structure or
        shape, or numbers that are masked or not finite in the dtype of the part.
    """
    if not hasattr(joint, "experimental_pin"):
        raise TypeError(
            f"`fit_posterior` needs a joint distribution, but got {joint}: put "
            "parameters and data into one tfd.JointDistribution, and pin the data."
        )
    earlier = dict(getattr(joint, "pins", {}))
    if not pins and not earlier:
        raise ValueError(
            "No part of the joint distribution is pinned, so there is nothing to infer "
            "from: pass the observed parts by name, such as y=data."
        )
    inner = joint.distribution if earlier else joint
    parts = part_names(inner)
    unknown = [name for name in pins if name not in parts]
    if unknown:
        raise ValueError(
            f"The joint distribution has no part named {', '.join(unknown)}; its "
            f"parts are {', '.join(parts)}."
        )
    again = [name for name in pins if name in earlier]
    if again:
        raise ValueError(f"{', '.join(again)} is pinned already, in the model passed.")
    if not set(parts) - set(pins) - set(earlier):
        raise ValueError(
            "All parts of the joint distribution are pinned: nothing is left."
        )
    shapes, dtypes = by_name(inner, inner.event_shape), by_name(inner, inner.dtype)
    # Elsewhere, batch dimensions of the model may come before.
    is_whole = getattr(inner, "use_vectorized_map", False)
    pinned = [] if is_whole else [*pins, *earlier]
    _check_shapes({name: shapes[name] for name in parts if name not in pinned})
    values = {
        name: _checked(name, value, shapes[name], dtypes[name], is_whole=is_whole)
        for name, value in pins.items()
    }
    for name, value in earlier.items():
        for part in tf.nest.flatten(value):
            _check_finite(name, np.asarray(part))
    return joint.experimental_pin(**values) if values else joint


def part_names(joint: tfd.Distribution) -> list[str]:
    """The names of the parts, in the order of the structure of its values."""
    structure = joint.event_shape
    if isinstance(structure, dict):
        return list(structure)
    if hasattr(structure, "_fields"):
        return list(structure._fields)
    return [name for name, _ in joint.resolve_graph()]


def by_name(joint: tfd.Distribution, structure: Any) -> dict[str, Any]:
    """What a structure has for each part of a joint distribution, by its name."""
    if isinstance(structure, dict):
        return dict(structure)
    return dict(zip(part_names(joint), structure, strict=True))


def joined(pinned: tfd.Distribution, values: Any) -> Any:
    """The values of all parts: those left, `values`, and the pinned."""
    joint, pins = pinned.distribution, dict(pinned.pins)
    names = part_names(joint)
    if isinstance(values, dict):
        left = dict(values)
    else:
        left_names = [name for name in names if name not in pins]
        left = dict(zip(left_names, values, strict=True))
    whole, structure = left | pins, joint.event_shape
    if isinstance(structure, dict):
        return {name: whole[name] for name in names}
    ordered = [whole[name] for name in names]
    is_named = hasattr(structure, "_fields")
    return type(structure)(*ordered) if is_named else ordered


def log_prob_parts(pinned: tfd.Distribution, values: Any) -> dict[str, tf.Tensor]:
    """The log density of each part, also of the pinned, at one point of those left."""
    joint = pinned.distribution
    return by_name(joint, joint.log_prob_parts(joined(pinned, values)))


def _check_shapes(shapes: dict[str, Any]) -> None:
    """Raises ValueError if the event shape of a part is not known, not even its rank."""
    unknown = [
        name
        for name, shape in shapes.items()
        if any(part.rank is None for part in tf.nest.flatten(shape))
    ]
    if unknown:
        raise ValueError(
            f"{', '.join(unknown)} has no static event_shape, as tfd.Autoregressive has "
            "none: write it by a distribution that has one. A pinned part may lack it in "
            "a tfd.JointDistributionCoroutine with Root, where leading dimensions are "
            "points (x[..., 0] for x[0])."
        )


def _checked(name: str, value: Any, shape: Any, dtype: Any, *, is_whole: bool) -> Any:
    """A pin as a `Tensor` of the dtype of its part, or a structure of them."""
    if not tf.nest.is_nested(dtype):
        return _checked_array(name, value, shape, tf.as_dtype(dtype), is_whole=is_whole)
    try:
        values = tree.flatten_up_to(dtype, value, check_types=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`{name}` must have the structure {dtype}, but got {value!r}."
        ) from error
    shapes = tree.flatten_up_to(dtype, shape, check_types=False)
    parts = zip(values, shapes, tree.flatten(dtype), strict=True)
    tensors = [_checked_array(name, *part, is_whole=is_whole) for part in parts]
    return tree.unflatten_as(dtype, tensors)


def _checked_array(
    name: str, value: Any, shape: tf.TensorShape, dtype: tf.DType, *, is_whole: bool
) -> tf.Tensor:
    if np.ma.is_masked(value):
        raise ValueError(
            f"`{name}` has masked values; leave them out of the data, or make them "
            "unknowns of the model."
        )
    try:
        array = np.asarray(value)
    except numerics.CONVERSION_ERRORS as error:
        raise ValueError(f"`{name}` is no array: {error}") from error
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"`{name}` must be an array of numbers, but got {type(value).__name__} of "
            f"dtype {array.dtype}."
        )
    fits = shape.is_compatible_with if is_whole else functools.partial(_ends_with, shape)
    if not fits(array.shape):
        raise ValueError(
            f"`{name}` has shape {list(array.shape)}, but the model says {shape}."
        )
    _check_finite(name, array)
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(dtype.as_numpy_dtype)
    if dtype.is_integer and not np.array_equal(cast, array):
        raise TypeError(
            f"`{name}` must be whole numbers, as the model says {dtype.name}, but got "
            f"{array.dtype}."
        )
    _check_finite(f"{name} in {dtype.name}", cast)
    return tf.constant(cast)


def _ends_with(event_shape: tf.TensorShape, shape: tuple[int, ...]) -> bool:
    rank = event_shape.rank
    if rank is None:
        return True
    return len(shape) >= rank and event_shape.is_compatible_with(
        shape[len(shape) - rank :]
    )


def _check_finite(name: str, array: np.ndarray) -> None:
    bad = array.size - np.count_nonzero(np.isfinite(array))
    if bad:
        raise ValueError(
            f"`{name}` has {bad} values of {array.size} that are NaN or infinite; leave "
            "them out of the data, or make them unknowns of the model."
        )
