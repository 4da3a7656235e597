"""Tables and numbers as text."""

import math

# What stands where there is no number.
MISSING = "-"


def table_lines(headings, rows):
    """Lines of a table, with the first column to the left, and an empty one after it."""
    rule = "|---|" + "---:|" * (len(headings) - 1)
    lines = [headings, *rows]
    lines = ["| " + " | ".join(line) + " |" for line in lines]
    return [lines[0], rule, *lines[1:], ""]


def number(value, digits=3):
    """`value` to so many significant digits, or 4 decimals, without exponents."""
    if value == 0 or not math.isfinite(value):
        return str(value)
    rounded = float(f"{value:.{digits}g}")  # first: 99.96 has one digit fewer than 100
    decimals = digits - 1 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{min(max(0, decimals), 4)}f}"
