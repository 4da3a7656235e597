"""Points of any shape as samples of a batch of flows, and back."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.bijectors import point_layout

CASES = [
    # points, batch -> flat, member batch
    ((2,), (), (1, 2), ()),
    ((5, 2), (), (5, 2), ()),
    ((5, 4, 2), (), (20, 2), ()),
    ((5, 3, 2), (3,), (5, 3, 2), (3,)),
    ((6, 5, 3, 2), (3,), (30, 3, 2), (3,)),
    ((2,), (3,), (1, 3, 2), (3,)),
    ((5, 2), (1,), (5, 2), ()),
    ((2,), (1,), (1, 2), ()),
    ((5, 1, 2), (3,), (5, 3, 2), (3,)),
    ((5, 4, 7, 2), (4, 1), (5, 4, 7, 2), (4, 7)),
]


@pytest.mark.parametrize(("points_shape", "batch_shape", "flat_shape", "member"), CASES)
@pytest.mark.parametrize("known", [True, False])
def test_round_trip(points_shape, batch_shape, flat_shape, member, known, rng):
    points = rng.normal(size=points_shape)
    w = rng.normal(size=(*batch_shape, 6, 2))
    b = rng.normal(size=(*batch_shape, 6))
    full = (*np.broadcast_shapes(points_shape[:-1], batch_shape), 2)

    def run(points):
        flat, (w_out, b_out), restore = point_layout.flatten_points(
            points, [tf.constant(w), tf.constant(b)], [2, 1]
        )
        return flat, w_out, b_out, restore(flat), restore(flat[..., 0])

    if not known:
        run = tf.function(run, input_signature=[tf.TensorSpec(None, tf.float64)])
    flat, w_out, b_out, restored, scalars = run(tf.constant(points))
    assert flat.shape == flat_shape
    assert w_out.shape == (*member, 6, 2)
    assert b_out.shape == (*member, 6)
    np.testing.assert_array_equal(restored, np.broadcast_to(points, full))
    np.testing.assert_array_equal(scalars, np.broadcast_to(points, full)[..., 0])
    # Each sample meets the parameters that it would meet by broadcasting.
    along = np.sum(flat[..., np.newaxis, :] * w_out, axis=-1) + b_out
    expected = np.sum(points[..., np.newaxis, :] * w, axis=-1) + b
    np.testing.assert_allclose(np.reshape(along, expected.shape), expected, rtol=1e-12)


def test_axes(rng):
    x = rng.normal(size=(5, 3, 4, 2))
    last = point_layout.samples_last(tf.constant(x))
    assert last.shape == (2, 3, 4, 5)
    np.testing.assert_array_equal(point_layout.samples_last(last), x)
    first = point_layout.batches_first(tf.constant(x))
    assert first.shape == (3, 4, 5, 2)
    np.testing.assert_array_equal(point_layout.samples_first(first, 1), x)
    np.testing.assert_array_equal(point_layout.samples_first(first[..., 0], 0), x[..., 0])


@pytest.mark.parametrize("batch", [(), (3,), (3, 4)], ids=str)
def test_layer_axes(batch, rng):
    parameter = rng.normal(size=(*batch, 6, 2))
    first = point_layout.layers_first(tf.constant(parameter), 1)
    assert first.shape == (6, 2, *batch, 1)
    np.testing.assert_array_equal(first[..., 0], np.moveaxis(parameter, [-2, -1], [0, 1]))
    scalars = rng.normal(size=(6, *batch, 5))
    last = point_layout.layers_second_last(tf.constant(scalars))
    np.testing.assert_array_equal(last, np.moveaxis(scalars, 0, -2))
