"""Numbers as text."""

import math

# What stands where there is no number.
MISSING = "-"


def number(value, digits=3):
    """`value` to so many significant digits, or 4 decimals, without exponents."""
    if value == 0 or not math.isfinite(value):
        return str(value)
    rounded = float(f"{value:.{digits}g}")  # first: 99.96 has one digit fewer than 100
    decimals = digits - 1 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{min(max(0, decimals), 4)}f}"
