"""Checks of plain arguments."""

import numbers
from typing import Any


def check_size(name: str, value: Any, *, least: int = 1) -> int:
    """`value` as an `int` if it is an integer of at least `least`; else a ValueError."""
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_integer or value < least:
        raise ValueError(
            f"`{name}` must be an integer of at least {least}, but got {value!r}."
        )
    return int(value)
