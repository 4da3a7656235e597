"""Parameters as tensors: dtypes, live values, checks of shapes and of finiteness."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (tf.float64, 2.0**-52),
        ("float32", 2.0**-23),
        (np.float16, 2.0**-10),
        (tf.bfloat16, 2.0**-7),
    ],
    ids=str,
)
def test_epsilon(dtype, expected):
    assert numerics.epsilon(dtype) == expected
    one = tf.ones([], dtype)
    assert one + tf.cast(expected, dtype) > one


def transformed_variable():
    return tfp.util.TransformedVariable(2.0, tfp.bijectors.Softplus())


def deferred_tensor():
    return tfp.util.DeferredTensor(tf.Variable(2.0), tf.square)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: tf.Variable(1.0), True),
        (transformed_variable, True),
        (deferred_tensor, True),
        (lambda: tf.constant(1.0), False),
        (lambda: np.ones(2), False),
        (lambda: 1.0, False),
        (lambda: [1.0, 2.0], False),
        (tf.Module, False),
    ],
)
def test_is_live(make, expected):
    assert numerics.is_live(make()) is expected


def test_as_parameter():
    variable = tf.Variable(1.0)
    assert numerics.as_parameter(variable, tf.float32, "u") is variable
    held = transformed_variable()
    assert numerics.as_parameter(held, tf.float32, "u") is held
    constant = numerics.as_parameter([1, 2], tf.float64, "u")
    assert constant.dtype == tf.float64
    np.testing.assert_array_equal(constant, [1.0, 2.0])


def test_common_dtype_is_the_one_that_is_there():
    assert numerics.common_dtype(u=1.0, w=[2.0]) == tf.float32
    assert numerics.common_dtype(tf.float64, u=1.0) == tf.float64
    assert numerics.common_dtype(u=1.0, w=np.ones(2)) == tf.float64
    assert numerics.common_dtype(u=tf.Variable(1.0), w=tf.ones(2)) == tf.float32
    assert numerics.common_dtype(u=tf.ones(2, tf.bfloat16), w=0.0) == tf.bfloat16
    assert numerics.common_dtype(u=transformed_variable(), w=0.0) == tf.float32


def test_common_dtype_refuses_two():
    with pytest.raises(TypeError, match="u: float32, b: float64"):
        numerics.common_dtype(u=tf.ones(2), w=[1.0], b=np.ones(2))
    with pytest.raises(TypeError, match="b: float64"):
        numerics.common_dtype(u=transformed_variable(), b=np.ones(2))


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64, tf.complex64, tf.bool])
def test_common_dtype_refuses_what_is_not_floating(dtype):
    with pytest.raises(TypeError, match=f"floating-point.*{dtype.name}"):
        numerics.common_dtype(u=tf.cast([0.0, 1.0], dtype))


def test_common_dtype_refuses_keras_variables():
    with pytest.raises(TypeError, match=r"`w` is a keras.Variable.*`w\.value`"):
        numerics.common_dtype(u=1.0, w=keras.Variable([1.0]))


def check_event_size(x, parameter):
    numerics.check_event_size(x, parameter, bijector="Planar", name="w")


def test_check_event_size_passes_what_fits():
    compiled = tf.function(check_event_size)
    for x_shape, w_shape in (([5, 2], [2]), ([2], [4, 3, 2]), ([1], [1])):
        x, w = tf.ones(x_shape), tf.ones(w_shape)
        assert check_event_size(x, w) is None
        for unknown in (None, [None] * len(x_shape)):
            signature = tf.TensorSpec(unknown), tf.TensorSpec(w_shape)
            assert compiled.get_concrete_function(*signature) is not None
        signature = tf.TensorSpec(x_shape), tf.TensorSpec(None)
        assert compiled.get_concrete_function(*signature) is not None


@pytest.mark.parametrize(
    ("x_shape", "w_shape"), [([5, 3], [2]), ([1], [2]), ([2], [1]), ([5, 3], [4, 3, 2])]
)
def test_check_event_size_names_both(x_shape, w_shape):
    with pytest.raises(ValueError, match=f"event size {x_shape[-1]}") as caught:
        check_event_size(tf.ones(x_shape), tf.ones(w_shape))
    assert f"`w` has event size {w_shape[-1]}" in str(caught.value)
    assert "Planar" in str(caught.value)


def test_check_event_size_refuses_scalars():
    with pytest.raises(ValueError, match="got a scalar"):
        check_event_size(tf.ones([]), tf.ones([2]))


def test_check_same_event_passes_what_fits():
    variable = tf.Variable(tf.ones([4, 2]), shape=[None, None])
    numerics.check_same_event("Planar", u=tf.ones([3, 2]), w=tf.ones([2]))
    numerics.check_same_event("Planar", u=tf.ones([3, 2]), w=variable)
    with pytest.raises(ValueError, match="u: 3, w: 2"):
        numerics.check_same_event("Planar", u=tf.ones([2, 3]), w=tf.ones([2]))
    with pytest.raises(ValueError, match=r"`w`.*scalar"):
        numerics.check_same_event("Planar", u=tf.ones([2]), w=tf.ones([]))


def test_check_finite_checks_constants_at_first_and_variables_later():
    good = tf.ones(2)
    bad = tf.constant([1.0, np.nan])
    assert numerics.check_finite(False, "Planar", u=bad) == []
    assert numerics.check_finite(True, "Planar", u=tf.Variable(bad)) == []
    for is_init, value in ((True, bad), (False, tf.Variable(bad))):
        with pytest.raises(tf.errors.InvalidArgumentError, match="Planar: `u`"):
            numerics.check_finite(is_init, "Planar", w=good, u=value)


@pytest.mark.parametrize(
    "value",
    ["a", None, [[1.0], [1.0, 2.0]], object()],
    ids=["text", "none", "ragged", "object"],
)
def test_what_is_no_tensor(value):
    with pytest.raises(TypeError, match="`u` must be numbers of float32"):
        numerics.as_parameter(value, tf.float32, "u")


@pytest.mark.parametrize("dtype", [3, "no dtype", [], tf.int32])
def test_what_is_no_floating_dtype(dtype):
    with pytest.raises(TypeError, match="`dtype` must be floating-point"):
        numerics.check_dtype(dtype)


def test_batches_that_do_not_broadcast():
    u, b = tf.ones([3, 2]), tf.ones([4])
    with pytest.raises(ValueError, match=r"Planar .* u: \(3, 2\), b: \(4,\)"):
        numerics.check_batches("Planar", dict(u=1, b=0), u=u, b=b)
    with pytest.raises(ValueError, match=r"`u` of 2 axes .* shape \(3,\)"):
        numerics.check_batches("PlanarStack", dict(u=2), u=tf.ones([3]))
    numerics.check_batches("Planar", dict(u=1, b=0), u=u, b=tf.ones([4, 1]))
