"""Checks of sizes."""

import numpy as np
import pytest

from tfp_flows import numerics


@pytest.mark.parametrize("value", [1, 7, np.int64(3), np.uint8(2)], ids=str)
def test_sizes_become_ints(value):
    size = numerics.check_size("event_size", value)
    assert type(size) is int
    assert size == value


@pytest.mark.parametrize("value", [0, -1, 2.0, 2.5, True, "3", None, [2]], ids=repr)
def test_other_values_are_refused(value):
    with pytest.raises(ValueError, match="`event_size` must be an integer") as caught:
        numerics.check_size("event_size", value)
    assert repr(value) in str(caught.value)
