"""Windows of a burn-in, in which scales of dimensions are measured."""

# The first ones end after 1/32, 1/16, ... of the steps.
_NUM_WINDOWS = 6


def window_lengths(num_steps: int) -> list[int]:
    """Lengths of the windows of so many steps, each that of all before it together."""
    ends = sorted({num_steps >> shift for shift in range(_NUM_WINDOWS)} - {0})
    return [end - start for start, end in zip([0, *ends[:-1]], ends, strict=False)]
