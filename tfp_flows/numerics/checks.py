"""Checks of plain arguments."""

import numbers
from typing import Any


def check_size(name: str, value: Any) -> int:
    """Returns `value` as an `int` if it is an integer >= 1, or raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
        raise ValueError(f"`{name}` must be an integer of at least 1, but got {value!r}.")
    return int(value)
