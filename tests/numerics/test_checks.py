"""Checks of sizes, numbers and choices."""

import numpy as np
import pytest
import tensorflow as tf

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


@pytest.mark.parametrize("value", [1, 0.5, np.float32(2.0), np.int64(3)], ids=repr)
def test_numbers_become_floats(value):
    for number in (
        numerics.check_number("rate", value, least=0.0),
        numerics.check_positive("rate", value),
    ):
        assert type(number) is float
        assert number == value
    assert numerics.check_number("rate", 0, least=0.0) == 0.0


@pytest.mark.parametrize("value", [np.nan, np.inf, "1", None, True, [1.0], -1], ids=repr)
def test_what_is_no_number_in_range_is_refused(value):
    with pytest.raises(ValueError, match=r"`rate` must be .*, but got ") as caught:
        numerics.check_number("rate", value, least=0.0)
    assert repr(value) in str(caught.value)
    with pytest.raises(ValueError, match="`rate` must be a finite number > 0, but got"):
        numerics.check_positive("rate", value)


def test_sizes_that_no_shape_has():
    with pytest.raises(ValueError, match="`num_layers` must be at most 2147483647"):
        numerics.check_size("num_layers", 2**31)


@pytest.mark.parametrize(
    "value",
    [[2, 3], (2, 3), np.array([2, 3]), tf.constant([2, 3]), tf.TensorShape([2, 3])],
    ids=lambda value: type(value).__name__,
)
def test_shapes_become_tuples(value):
    assert numerics.check_shape("batch_shape", value) == (2, 3)
    assert numerics.check_shape("batch_shape", value[:0]) == ()
    with pytest.raises(ValueError, match="`x_shape` must have at least 1 size"):
        numerics.check_shape("x_shape", value[:0], least_ndims=1)


@pytest.mark.parametrize("value", [3, None, "a", [0], [2.0], [[1]], [None], {"a": 1}])
def test_other_shapes_are_refused(value):
    with pytest.raises(ValueError, match="`batch_shape` must be"):
        numerics.check_shape("batch_shape", value)


def test_flags():
    assert numerics.check_flag("affine", np.True_) is True
    for value in ("False", 1, None, np.ones(2)):
        with pytest.raises(TypeError, match="`affine` must be True or False"):
            numerics.check_flag("affine", value)


@pytest.mark.parametrize("value", ["b", [], {}, None, np.array(["a", "c"])], ids=str)
def test_only_choices_are_chosen(value):
    assert numerics.check_choice("form", "a", ("a", "c")) == "a"
    with pytest.raises(ValueError, match="`form` must be one of 'a', 'c', but got"):
        numerics.check_choice("form", value, ("a", "c"))
