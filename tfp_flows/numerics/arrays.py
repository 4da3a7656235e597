"""Checks of arrays of points, and of their weights."""

from typing import Any

import numpy as np
import tensorflow as tf

# What objects that are no arrays raise when one is made of them. A RuntimeError is
# PyTorch's, for one, an ArithmeticError that of an int of many digits.
CONVERSION_ERRORS = (
    ArithmeticError,
    RuntimeError,
    TypeError,
    ValueError,
    tf.errors.OpError,
)


def as_array(name: str, value: Any) -> np.ndarray:
    """`value` as an array; a TypeError if none can be made of it."""
    try:
        return np.asarray(value)
    except CONVERSION_ERRORS as error:
        raise TypeError(
            f"`{name}` must be an array of numbers, but got {value!r} ({error})."
        ) from error


def check_finite_points(points: np.ndarray, name: str) -> None:
    """Raises ValueError if a number of `points`, `[N, ...]`, is NaN or infinite."""
    is_bad = ~np.isfinite(points.astype(np.float64, copy=False))
    is_bad = np.any(is_bad, axis=tuple(range(1, is_bad.ndim)))
    if np.any(is_bad):
        first = int(np.argmax(is_bad))
        value = np.array2string(points[first], precision=4, threshold=8)
        raise ValueError(
            f"`{name}` is NaN or infinite in {points.dtype} at {np.sum(is_bad)} of "
            f"{len(points)} points, for example {value} at index {first}; drop or mend "
            "them first."
        )


def check_not_masked(caller: str, name: str, values: Any) -> None:
    """Raises TypeError for a masked array, whose mask would be lost."""
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(
            f"{caller} got {name} as a masked array, whose mask would be lost; leave out "
            "what is masked, and pass a plain array."
        )


def check_weights(
    caller: str,
    weights: Any,
    num_examples: int,
    *,
    name: str = "sample_weight",
    are_all: bool = False,
) -> np.ndarray:
    """Weights of examples, of which there are as many, finite and not negative.

    Args:
      caller: what was called, for the messages.
      weights: array of shape `[N]` or `[N, 1]`.
      num_examples: N.
      name: of the argument, for the messages.
      are_all: whether these are the weights of all examples, of which one at least must
        be positive, rather than those of a batch.

    Returns:
      Array of the same shape.

    Raises:
      TypeError: if they are no real numbers.
      ValueError: if the shape is another, or a weight is NaN, infinite or negative.
    """
    check_not_masked(caller, name, weights)
    values = as_array(name, weights)
    if values.shape not in ((num_examples,), (num_examples, 1)):
        raise ValueError(
            f"{caller} needs {name} of shape [{num_examples}], one number per example, "
            f"but got shape {values.shape}."
        )
    if values.dtype.kind in "cmMOSU":
        raise TypeError(
            f"{caller} needs {name} of real numbers, but got dtype {values.dtype}."
        )
    if not np.all(np.isfinite(values) & (values >= 0)):
        raise ValueError(f"{caller} got a {name} that is NaN, infinite or negative.")
    if are_all and not np.any(values):
        raise ValueError(
            f"{caller} got a {name} of 0 for all examples, which leaves nothing; give "
            "some of them a positive weight."
        )
    return values
