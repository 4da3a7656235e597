"""Checks of plain arguments."""

import math
import numbers
from typing import Any

import numpy as np

# TensorFlow counts steps and the axes of shapes with 32 bits.
_MAX_SIZE = 2**31 - 1


def check_size(name: str, value: Any, *, least: int = 1) -> int:
    """`value` as an `int` if it is an integer of at least `least`; else a ValueError."""
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_integer or value < least:
        raise ValueError(
            f"`{name}` must be an integer of at least {least}, but got {value!r}."
        )
    if value > _MAX_SIZE:
        raise ValueError(f"`{name}` must be at most {_MAX_SIZE}, but got {value!r}.")
    return int(value)


def check_shape(name: str, value: Any) -> tuple[int, ...]:
    """`value` as a `tuple` of sizes of at least 1; else a ValueError."""
    try:
        sizes = tuple(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`{name}` must be a sequence of integers, such as (3,), but got {value!r}."
        ) from error
    return tuple(check_size(name, size) for size in sizes)


def check_flag(name: str, value: Any) -> bool:
    """`value` as a `bool` if it is True or False; else a TypeError, also of "False"."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"`{name}` must be True or False, but got {value!r}.")
    return bool(value)


def check_name(name: Any) -> str:
    """`name` if it is a `str`; else a TypeError."""
    if not isinstance(name, str):
        raise TypeError(f"`name` must be a str, but got {name!r}.")
    return name


def check_number(name: str, value: Any, *, least: float, most: float = math.inf) -> float:
    """`value` as a finite `float` from `least` to `most`; else a ValueError."""
    if not _is_finite(value):
        raise ValueError(f"`{name}` must be a finite number, but got {value!r}.")
    if value < least:
        raise ValueError(f"`{name}` must be at least {least:g}, but got {value!r}.")
    if value > most:
        raise ValueError(f"`{name}` must be at most {most:g}, but got {value!r}.")
    return float(value)


def check_positive(name: str, value: Any) -> float:
    """`value` as a `float` if it is finite and > 0; else a ValueError."""
    if not _is_finite(value) or value <= 0.0:
        raise ValueError(f"`{name}` must be a finite number > 0, but got {value!r}.")
    return float(value)


def _is_finite(value: Any) -> bool:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


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
    values = np.asarray(weights)
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
