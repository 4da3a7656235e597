"""Batched L-BFGS ascents on functions whose tops are known."""

import numpy as np
import pytest

from tfp_flows.diagnostics.ascent import ascend

SCALES = 10.0 ** np.linspace(-1.0, 1.0, 5)


def normal(x):
    return -0.5 * np.sum((x / SCALES) ** 2, axis=1), -x / SCALES**2


def cauchy(x):
    squares = np.sum(x**2, axis=1, keepdims=True)
    return -np.log1p(squares[:, 0]), -2.0 * x / (1.0 + squares)


def spike(x):
    return -0.5e6 * np.sum((x - 0.3) ** 2, axis=1), -1e6 * (x - 0.3)


def cliff(x):
    """A normal, positive beyond an edge alone."""
    is_inside = x[:, 0] > 0.5
    value = np.where(is_inside, -0.5 * np.sum(x**2, axis=1), -np.inf)
    return value, np.where(is_inside[:, np.newaxis], -x, 0.0)


@pytest.mark.parametrize("function", [normal, cauchy, spike])
def test_every_ascent_reaches_the_top(function, rng):
    points, values = ascend(function, 4.0 * rng.normal(size=(64, 5)), 100)
    assert np.all(values > -0.15)
    np.testing.assert_array_equal(values, function(points)[0])


def test_ascents_stay_inside(rng):
    start = 4.0 * rng.normal(size=(64, 2))
    points, values = ascend(cliff, start, 50)
    is_inside = start[:, 0] > 0.5
    assert np.all(points[is_inside, 0] > 0.5)
    assert np.all(values[is_inside] >= cliff(start)[0][is_inside])
    assert np.median(values[is_inside]) > -0.5
    np.testing.assert_array_equal(points[~is_inside], start[~is_inside])
