"""Sums and broadcasts along batch axes, and triangles of matrices."""

import types

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import numerics


@pytest.mark.parametrize(
    ("shape", "argument"),
    [
        ((4, 3), (4, 3)),
        ((4, 3), (4, 1)),
        ((5, 4, 3), (4, 1)),
        ((5, 4, 3), (5, 4, 1)),
        ((4, 3), (1, 3)),
        ((4, 3), ()),
        ((3,), (1,)),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_sum_to_shape_of(shape, argument, known, rng):
    gradient, like = rng.normal(size=shape), np.zeros(argument)
    with tf.GradientTape() as tape:
        broadcast = tf.constant(like)
        tape.watch(broadcast)
        total = tf.reduce_sum(gradient * broadcast)
    expected = tape.gradient(total, broadcast)
    function = numerics.sum_to_shape_of
    if not known:
        signature = [
            tf.TensorSpec([None] * len(s), tf.float64) for s in (shape, argument)
        ]
        function = tf.function(function, input_signature=signature)
    actual = function(tf.constant(gradient), tf.constant(like))
    assert actual.shape == argument
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize(
    "shape", [(4, 3), (2, 4, 3), (3, 1, 4, 3), (4, 0), (0, 4)], ids=str
)
def test_sum_last_axis(shape, rng):
    x = rng.normal(size=shape)
    np.testing.assert_allclose(
        numerics.sum_last_axis(tf.constant(x)), x.sum(axis=-1), rtol=1e-12
    )


def test_sum_last_axis_stays_within_its_memory(rng):
    x = rng.normal(size=(3, 1, 32, 33)).astype(np.float32)
    for _ in range(200):  # a batched product would corrupt the heap, sooner or later
        sums = numerics.sum_last_axis(tf.constant(x))
    np.testing.assert_allclose(sums, x.sum(axis=-1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("known", [True, False])
def test_broadcast_batches(known, rng):
    u, b = rng.normal(size=(4, 1, 3, 2)), rng.normal(size=(5, 3))

    def run(u, b):
        return numerics.broadcast_batches([u, b], [2, 1])

    if not known:
        signature = [tf.TensorSpec([None] * x.ndim, tf.float64) for x in (u, b)]
        run = tf.function(run, input_signature=signature)
    wide_u, wide_b = run(tf.constant(u), tf.constant(b))
    np.testing.assert_array_equal(wide_u, np.broadcast_to(u, (4, 5, 3, 2)))
    np.testing.assert_array_equal(wide_b, np.broadcast_to(b, (4, 5, 3)))


def test_tensors_of_one_batch_shape_are_left_alone(rng):
    tensors = [tf.constant(rng.normal(size=(4, 3, 2))), tf.constant(rng.normal(size=4))]
    assert numerics.broadcast_batches(tensors, [2, 0]) is tensors


def test_strictly_lower(rng):
    matrix = rng.normal(size=(2, 4, 4))
    np.testing.assert_array_equal(numerics.strictly_lower(matrix), np.tril(matrix, -1))


@pytest.mark.parametrize("has_gpu", [False, True])
@pytest.mark.parametrize("shape", [(3, 5), (1, 1), (7, 1), (2, 3, 4), (3, 2, 1, 1)])
def test_sum_layers(shape, has_gpu, rng, monkeypatch):
    devices = [types.SimpleNamespace(device_type="GPU")] if has_gpu else []
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda: devices)
    x = tf.constant(rng.normal(size=shape))
    weights = rng.normal(size=shape[:-2] + shape[-1:])

    def sum_and_gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = numerics.sum_layers(x)
            weighed = tf.reduce_sum(weights * total)
        return total, tape.gradient(weighed, x)

    signature = [tf.TensorSpec([None] * len(shape), tf.float64)]
    for function in (
        sum_and_gradient,
        tf.function(sum_and_gradient, jit_compile=True),
        tf.function(sum_and_gradient, input_signature=signature),
    ):
        total, gradient = function(x)
        np.testing.assert_allclose(total, x.numpy().sum(axis=-2), rtol=1e-14, atol=1e-14)
        expected = np.broadcast_to(weights[..., None, :], shape)
        np.testing.assert_array_equal(gradient, expected)
