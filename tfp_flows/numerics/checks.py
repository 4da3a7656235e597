"""Checks of plain arguments."""

import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np

from tfp_flows.numerics.arrays import as_array

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


def check_shape(name: str, value: Any, *, least_ndims: int = 0) -> tuple[int, ...]:
    """`value` as a `tuple` of sizes of at least 1; else a ValueError."""
    try:
        if isinstance(value, str):
            raise TypeError("a str is no shape")
        sizes = tuple(as_array(name, value) if hasattr(value, "__array__") else value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`{name}` must be a sequence of integers, such as (3,), but got {value!r}."
        ) from error
    if len(sizes) < least_ndims:
        raise ValueError(
            f"`{name}` must have at least {least_ndims} sizes, but got {value!r}."
        )
    return tuple(check_size(name, size) for size in sizes)


def check_flag(name: str, value: Any) -> bool:
    """`value` as a `bool` if it is True or False; else a TypeError, also of "False"."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"`{name}` must be True or False, but got {value!r}.")
    return bool(value)


def check_callable(name: str, value: Any, description: str) -> None:
    """Raises TypeError, which says what `value` must be, unless it can be called."""
    if not callable(value):
        raise TypeError(f"`{name}` must be {description}, but got {value!r}.")


def check_name(name: Any) -> str:
    """`name` if it is a `str`; else a TypeError."""
    if not isinstance(name, str):
        raise TypeError(f"`name` must be a str, but got {name!r}.")
    return name


def check_choice(name: str, value: Any, choices: Iterable[str]) -> str:
    """`value` if it is one of the `choices`; else a ValueError."""
    choices = tuple(choices)
    # Other types may have no hash, or compare element by element.
    if not isinstance(value, str) or value not in choices:
        raise ValueError(
            f"`{name}` must be one of {', '.join(map(repr, choices))}, but got {value!r}."
        )
    return value


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
