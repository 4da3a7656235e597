"""safe_norm, divide_by_squared_norm, unit_vector: values and gradients, also at 0."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import numerics


def first_and_second_gradients(function, x):
    """Of the sum of `function`, at `x`."""
    x = tf.constant(x)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            total = tf.reduce_sum(function(x))
        first = inner.gradient(total, x)
        total = tf.reduce_sum(tf.sin(first))
    return first.numpy(), outer.gradient(total, x).numpy()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_safe_norm(dtype, rng):
    x = rng.normal(size=(3, 20, 4)) * 10.0 ** rng.uniform(-15.0, 15.0, (3, 20, 1))
    x = x.astype(dtype)
    norm = numerics.safe_norm(tf.constant(x))
    assert norm.dtype == dtype
    assert norm.shape == (3, 20)
    expected = np.linalg.norm(x.astype(np.float64), axis=-1)
    epsilon = np.finfo(dtype).eps
    np.testing.assert_allclose(norm, expected, rtol=4 * epsilon)
    first, second = first_and_second_gradients(numerics.safe_norm, x)
    np.testing.assert_allclose(
        first, x / expected[..., np.newaxis], rtol=8 * epsilon, atol=1e-30
    )
    assert np.all(np.isfinite(second))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("event_size", [1, 3])
def test_safe_norm_of_zero(event_size, dtype):
    x = np.zeros((2, event_size), dtype)
    x[1, 0] = 1e-20 if dtype == "float32" else 1e-160  # the square underflows
    np.testing.assert_array_equal(numerics.safe_norm(tf.constant(x)), [0.0, 0.0])
    first, second = first_and_second_gradients(numerics.safe_norm, x)
    np.testing.assert_array_equal(first, np.zeros_like(x))
    np.testing.assert_array_equal(second, np.zeros_like(x))


def test_safe_norm_is_zero_only_where_the_vector_is(rng):
    x = rng.normal(size=(3, 2))
    x[1] = 0.0
    first, _ = first_and_second_gradients(numerics.safe_norm, x)
    expected = x[::2] / np.linalg.norm(x[::2], axis=-1, keepdims=True)
    np.testing.assert_allclose(first[::2], expected, rtol=1e-12)
    np.testing.assert_array_equal(first[1], [0.0, 0.0])


def quotient(w):
    return numerics.divide_by_squared_norm(w)[0]


@pytest.mark.parametrize(
    ("dtype", "sizes"),
    [
        ("float32", [1e-30, 1e-10, 1.0, 1e10, 1e30]),
        ("float64", [1e-200, 1e-30, 1.0, 1e30, 1e200]),
    ],
)
def test_divide_by_squared_norm(dtype, sizes, rng):
    for size in sizes:
        w = (size * rng.normal(size=(3, 20, 4))).astype(dtype)
        ratio, is_zero = numerics.divide_by_squared_norm(tf.constant(w))
        assert ratio.dtype == dtype
        assert is_zero.shape == (3, 20, 1)
        assert not np.any(is_zero)
        unit = w.astype(np.float64) / size
        expected = unit / np.sum(unit**2, axis=-1, keepdims=True) / size
        np.testing.assert_allclose(ratio, expected, rtol=16 * np.finfo(dtype).eps)


def test_divide_by_squared_norm_gradient(rng):
    # d (w / |w|^2) = (I - 2 w w^T / |w|^2) / |w|^2, summed over its rows.
    w = rng.normal(size=(20, 3))
    squared = np.sum(w**2, axis=-1, keepdims=True)
    expected = (1.0 - 2.0 * w * np.sum(w, axis=-1, keepdims=True) / squared) / squared
    first, second = first_and_second_gradients(quotient, w)
    np.testing.assert_allclose(first, expected, rtol=1e-10, atol=1e-10)
    step, direction = 1e-6, rng.normal(size=w.shape)
    moved = [
        np.sum(np.sin(first_and_second_gradients(quotient, w + sign * direction)[0]))
        for sign in (step, -step)
    ]
    np.testing.assert_allclose(
        np.sum(second * direction), (moved[0] - moved[1]) / (2.0 * step), rtol=1e-5
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_divide_by_squared_norm_of_zero(dtype):
    w = np.zeros((3, 2), dtype)
    w[1, 0] = 1e-40 if dtype == "float32" else 1e-310  # denormal
    w[2] = (3.0, 4.0)
    ratio, is_zero = numerics.divide_by_squared_norm(tf.constant(w))
    np.testing.assert_array_equal(is_zero, [[True], [True], [False]])
    np.testing.assert_allclose(ratio, [[0.0, 0.0], [0.0, 0.0], [0.12, 0.16]], rtol=1e-6)
    first, second = first_and_second_gradients(quotient, w)
    np.testing.assert_array_equal(first[:2], np.zeros((2, 2)))
    assert np.all(np.isfinite(first))
    assert np.all(np.isfinite(second))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_unit_vector(size, dtype, rng):
    v = (size * rng.normal(size=(3, 20, 4))).astype(dtype)
    unit = numerics.unit_vector(tf.constant(v))
    assert unit.dtype == dtype
    wide = v.astype(np.float64)
    expected = wide / np.linalg.norm(wide, axis=-1, keepdims=True)
    np.testing.assert_allclose(unit, expected, atol=4 * np.finfo(dtype).eps)
    first, _ = first_and_second_gradients(lambda v: numerics.unit_vector(v)[..., 0], v)
    # d (v_0 / |v|) = (e_0 - unit unit_0) / |v|
    gradient = np.eye(4)[0] - expected * expected[..., :1]
    gradient /= np.linalg.norm(wide, axis=-1, keepdims=True)
    bound = 16 * np.finfo(dtype).eps * np.max(np.abs(gradient))
    np.testing.assert_allclose(first, gradient, rtol=1e-4, atol=bound)


def test_unit_vector_of_zero():
    v = np.array([[0.0, 0.0], [3.0, -4.0]])
    unit = numerics.unit_vector(tf.constant(v))
    np.testing.assert_allclose(unit, [[0.0, 0.0], [0.6, -0.8]])
    first, second = first_and_second_gradients(numerics.unit_vector, v)
    np.testing.assert_array_equal(first[0], [0.0, 0.0])
    assert np.all(np.isfinite(second))
