"""Checks of points and weights."""

import numpy as np
import pytest

from tfp_flows import numerics


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_points_that_are_not_finite_are_counted_and_shown(bad):
    points = np.zeros([5, 2], np.float32)
    numerics.check_finite_points(points, "data")
    points[[1, 3], 1] = bad
    message = rf"`data` is NaN .* float32 at 2 of 5 points, .*{bad}\] at index 1"
    with pytest.raises(ValueError, match=message):
        numerics.check_finite_points(points, "data")


def test_masked_arrays_are_refused():
    numerics.check_not_masked("fit", "x", np.zeros(2))
    with pytest.raises(TypeError, match="fit got x as a masked array"):
        numerics.check_not_masked("fit", "x", np.ma.masked_array([1.0], mask=[True]))


class NoArray:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no array")


@pytest.mark.parametrize("value", [NoArray(), [[1.0], [1.0, 2.0]]], ids=["own", "ragged"])
def test_what_is_no_array_is_refused_by_name(value):
    np.testing.assert_array_equal(numerics.as_array("x", [1, 2]), [1, 2])
    with pytest.raises(TypeError, match="`x` must be an array of numbers, but got"):
        numerics.as_array("x", value)


@pytest.mark.parametrize("weights", [[0, 2], [[0.5], [0.0]], [True, False]], ids=str)
def test_weights_of_examples_pass(weights):
    values = numerics.check_weights("fit", weights, 2, are_all=True)
    np.testing.assert_array_equal(values, weights)


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ([1.0], ValueError, r"fit needs w of shape \[2\].* but got shape \(1,\)"),
        ([[1.0, 1.0]], ValueError, r"but got shape \(1, 2\)"),
        (["a", "b"], TypeError, "w of real numbers, but got dtype <U1"),
        ([1j, 1.0], TypeError, "complex128"),
        ([np.nan, 1.0], ValueError, "a w that is NaN, infinite or negative"),
        ([np.inf, 1.0], ValueError, "infinite"),
        ([-1.0, 1.0], ValueError, "negative"),
        ([0.0, 0.0], ValueError, "a w of 0 for all examples"),
    ],
    ids=str,
)
def test_other_weights_are_refused(weights, error, message):
    with pytest.raises(error, match=message):
        numerics.check_weights("fit", weights, 2, name="w", are_all=True)


def test_a_batch_may_have_no_weight():
    np.testing.assert_array_equal(numerics.check_weights("fit", [0, 0], 2), [0, 0])
