"""The planar layer: against mpmath where the textbook log-det fails, and its edges."""

import math

import numpy as np
import oracles
import pytest
import tensorflow as tf

from tfp_flows import bijectors

W = np.array([0.5, -1.25, 2.0])
PRECISION = {"float32": 1e-5, "float64": 1e-12}
IDENTITY = math.log(math.e - 1.0)


def along(w, amount):
    """The vector along `w` whose product with `w` is `amount`."""
    return amount * w / np.sum(w**2)


def assert_log_det_is_exact(u, w, b, x, dtype):
    """Relative error of the log-det of one layer at the points [N, D]."""
    u, w, b, x = (np.asarray(p, dtype) for p in (u, w, b, x))
    actual = bijectors.Planar(u, w, b).forward_log_det_jacobian(x).numpy()
    _, truth = oracles.compose_exact(oracles.planar_exact, x, [(u, w, b)])
    assert np.all(np.isfinite(actual))
    assert np.max(np.abs(actual - truth) / np.abs(truth)) <= PRECISION[dtype]
    return actual


@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("w_u", [-90.0, -50.0, -20.0, -1.0, 0.0, 1.0, 20.0, 90.0])
def test_log_det_on_and_off_the_hyperplane(w_u, dtype):
    x = np.array([along(W, s) for s in (0.0, 1e-3, 0.3, 2.0, -5.0)])
    actual = assert_log_det_is_exact(along(W, w_u), W, 0.0, x, dtype)
    if w_u <= -20.0:
        # log(1 + w.u_hat) = log(softplus(w.u)): the textbook form gives -inf or -14.
        assert abs(actual[0] - w_u) < 1e-5 * abs(w_u)


@pytest.mark.parametrize("dtype", PRECISION)
def test_log_det_on_a_shifted_hyperplane(dtype):
    # w.x + b cancels exactly in either dtype.
    w, b, x = [1.0, 0.0], -0.75, np.array([[0.75, 3.0], [0.75, -1.0]])
    assert_log_det_is_exact([-50.0, 2.0], w, b, x, dtype)


@pytest.mark.parametrize("dtype", PRECISION)
def test_log_det_far_from_the_hyperplane(dtype):
    # sech^2(16) = 5e-14 is below the epsilon of float32, the log-det is not.
    x = np.array([along(W, s) for s in (16.0, -12.0)])
    assert_log_det_is_exact(along(W, -3.0), W, 0.0, x, dtype)


def test_displacement_meets_the_constraint(rng):
    for w_u in np.linspace(-30.0, 30.0, 61):
        w = rng.normal(size=4)
        across = rng.normal(size=4)
        across -= along(w, np.sum(w * across))
        u = along(w, w_u) + across
        u_hat = bijectors.Planar(u, w, 0.0).u_hat.numpy()
        product = np.sum(w * u_hat)
        assert product > -1.0
        expected = np.logaddexp(0.0, w_u) - 1.0
        np.testing.assert_allclose(product, expected, rtol=1e-12, atol=1e-13)
        # The constraint moves u along w only.
        moved = u_hat - u
        np.testing.assert_allclose(
            moved, along(w, np.sum(w * moved)), rtol=1e-9, atol=1e-12
        )


@pytest.mark.parametrize("length", [0.01, 0.1, 10.0, 100.0])
def test_constraint_divides_by_the_squared_norm(length, rng):
    u, w = rng.normal(size=3), rng.normal(size=3)
    u_hat = bijectors.Planar(u, w, 0.0).u_hat.numpy()
    np.testing.assert_allclose(u_hat, oracles.planar_u_hat(u, w), rtol=1e-12)
    # At the same w.u the correction scales as w / ||w||^2, hence as 1 / length.
    scaled = bijectors.Planar(u / length, length * w, 0.0).u_hat.numpy()
    np.testing.assert_allclose(scaled * length, u_hat, rtol=1e-12)
    scaled = bijectors.Planar(u, length * w, 0.0).u_hat.numpy()
    np.testing.assert_allclose(
        scaled, oracles.planar_u_hat(u, length * w), rtol=1e-11, atol=1e-11
    )


@pytest.mark.parametrize("dtype", PRECISION)
def test_identity(dtype, rng):
    w = rng.normal(size=3)
    planar = bijectors.Planar(
        along(w, IDENTITY).astype(dtype), w.astype(dtype), np.asarray(0.2, dtype)
    )
    x = tf.constant(rng.normal(size=(50, 3)), dtype)
    epsilon = np.finfo(dtype).eps
    np.testing.assert_allclose(planar.forward(x), x, rtol=4 * epsilon, atol=4 * epsilon)
    log_det = planar.forward_log_det_jacobian(x).numpy()
    assert np.max(np.abs(log_det)) <= 4 * epsilon


def test_zero_displacement_is_not_the_identity():
    planar = bijectors.Planar([0.0, 0.0], [1.0, 1.0], 0.0)
    assert planar.u_hat.numpy() == pytest.approx([(math.log(2.0) - 1.0) / 2.0] * 2)


@pytest.mark.parametrize("dtype", PRECISION)
def test_zero_normal_is_a_translation(dtype, rng):
    u, b = rng.normal(size=3).astype(dtype), np.asarray(0.7, dtype)
    planar = bijectors.Planar(u, np.zeros(3, dtype), b)
    x = rng.normal(size=(5, 3)).astype(dtype)
    expected = x + u * np.tanh(b)
    np.testing.assert_allclose(planar.forward(x), expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(planar.forward_log_det_jacobian(x), np.zeros(5))


def first_and_second_gradients(u, w, b, x):
    """Gradients of a function of image and log-det, and of their weighted sum."""
    inputs = [tf.constant(p) for p in (u, w, b, x)]
    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            planar = bijectors.Planar(*inputs[:3])
            total = tf.reduce_sum(tf.square(planar.forward(inputs[3])))
            total += tf.reduce_sum(planar.forward_log_det_jacobian(inputs[3]))
        first = inner.gradient(total, inputs)
        weighted = tf.add_n([tf.reduce_sum(tf.sin(g)) for g in first])
    return first, outer.gradient(weighted, inputs)


EDGES = [
    ([0.5, -1.25], 1.0, 0.3),
    ([0.5, -1.25], IDENTITY, 0.0),
    ([0.5, -1.25], -20.0, 0.0),
    ([0.5, -1.25], 90.0, 0.0),
    ([0.0, 0.0], 0.0, 0.3),
    ([0.0, 0.0], 0.0, 0.0),
    ([0.0, 1.0], -3.0, 100.0),
]


def inputs_at(w, w_u, b, dtype):
    """u, w, b and points of which the first is on the hyperplane if b = 0."""
    w = np.asarray(w, dtype)
    u = along(w, w_u) if np.any(w) else np.ones(2)
    x = np.array([[0.0, 0.0], [0.3, -0.7], [100.0, 3.0]])
    return [np.asarray(p, dtype) for p in (u, w, b, x)]


@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize(
    ("w", "w_u", "b"), [*EDGES, ([0.5, -1.25], -50.0, 0.0), ([0.5, -1.25], -80.0, 0.0)]
)
def test_gradients_are_finite(w, w_u, b, dtype):
    # Down to w.u = -88: on the hyperplane the log-det has slope 1 / q in q, and float32
    # has no number e^88.
    first, _ = first_and_second_gradients(*inputs_at(w, w_u, b, dtype))
    assert all(np.all(np.isfinite(g)) for g in first)
    assert np.any(np.abs(first[3]) > 0.0)


@pytest.mark.parametrize(
    ("w", "w_u", "b", "dtype"),
    [
        *((*edge, dtype) for edge in EDGES for dtype in PRECISION),
        ([0.5, -1.25], -50.0, 0.0, "float64"),
        ([0.5, -1.25], -90.0, 0.0, "float64"),
    ],
)
def test_second_gradients_are_finite(w, w_u, b, dtype):
    # They hold 1 / q^2, twice the range of the first.
    first, second = first_and_second_gradients(*inputs_at(w, w_u, b, dtype))
    assert all(np.all(np.isfinite(g)) for g in first)
    assert all(np.all(np.isfinite(g)) for g in second)


@pytest.mark.parametrize("w_u", [-3.0, 0.0, 2.0])
def test_curvature_of_the_log_det_on_the_hyperplane(w_u):
    # With q = 1 + w.u_hat: d^2/ds^2 log(1 + (q - 1) sech^2 s) = 2 (1 - q) / q at s = 0.
    x = tf.zeros([1], tf.float64)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            planar = bijectors.Planar(np.array([w_u]), np.array([1.0]), 0.0)
            log_det = planar.forward_log_det_jacobian(x)
        slope = inner.gradient(log_det, x)
    q = np.logaddexp(0.0, w_u)
    expected = [2.0 * (1.0 - q) / q]
    np.testing.assert_array_equal(slope, [0.0])
    np.testing.assert_allclose(outer.gradient(slope, x), expected, rtol=1e-12)


def test_second_gradients_match_finite_differences(rng):
    u, w, x = rng.normal(size=2), rng.normal(size=2), rng.normal(size=(3, 2))
    b, direction, step = np.array(0.3), rng.normal(size=2), 1e-5
    _, second = first_and_second_gradients(u, w, b, x)
    moved = [
        sum(
            np.sum(np.sin(g))
            for g in first_and_second_gradients(u, w + sign * direction, b, x)[0]
        )
        for sign in (step, -step)
    ]
    expected = (moved[0] - moved[1]) / (2.0 * step)
    assert np.sum(direction * second[1]) == pytest.approx(expected, rel=1e-6)


def test_zero_normal_within_a_batch(rng):
    w = rng.normal(size=(3, 2))
    w[1] = 0.0
    u, b, x = rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=(3, 2))
    planar = bijectors.Planar(u, w, b)
    y, log_det = planar.forward(x).numpy(), planar.forward_log_det_jacobian(x).numpy()
    image, truth = oracles.planar(x[::2], u[::2], w[::2], b[::2])
    np.testing.assert_allclose(y[::2], image, rtol=1e-12)
    np.testing.assert_allclose(log_det[::2], truth, rtol=1e-10)
    np.testing.assert_allclose(y[1], x[1] + u[1] * np.tanh(b[1]), rtol=1e-12)
    assert log_det[1] == 0.0
    first, second = first_and_second_gradients(u, w, b, x)
    assert all(np.all(np.isfinite(g)) for g in (*first, *second))


@pytest.mark.parametrize("size", [1e-30, 1e-20, 1e15])
def test_tiny_and_huge_normals_in_float32(size):
    # ||w||^2 under- or overflows float32 in each case.
    w = np.array([size, -0.5 * size], np.float32)
    u, b = np.array([0.3, -1.0], np.float32), np.float32(0.0)
    x = np.array([[0.0, 0.0], [1.0, 2.0], [-0.7, 0.2]], np.float32)
    planar = bijectors.Planar(u, w, b)
    image, truth = oracles.compose_exact(oracles.planar_exact, x, [(u, w, b)])
    np.testing.assert_allclose(planar.forward(x), image, rtol=1e-5, atol=1e-6)
    log_det = planar.forward_log_det_jacobian(x)
    np.testing.assert_allclose(log_det, truth, rtol=1e-5, atol=1e-6)
    first, _ = first_and_second_gradients(u, w, b, x)
    assert all(np.all(np.isfinite(g)) for g in (first[0], first[2], first[3]))


def test_python_numbers_make_float32():
    planar = bijectors.Planar(u=[1.0, 0.0], w=[2.0, 1.0], b=0.5)
    assert planar.dtype == tf.float32
    y, log_det = oracles.planar([0.3, -0.4], [1.0, 0.0], [2.0, 1.0], 0.5)
    assert planar.forward([0.3, -0.4]).numpy() == pytest.approx(y, rel=1e-5)
    actual = planar.forward_log_det_jacobian([0.3, -0.4]).numpy()
    assert actual == pytest.approx(log_det, rel=1e-5)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="u: 2, w: 3"):
        bijectors.Planar([1.0, 2.0], [1.0, 2.0, 3.0], 0.0)
    with pytest.raises(ValueError, match=r"`u`.*scalar"):
        bijectors.Planar(1.0, [1.0, 2.0], 0.0)
    with pytest.raises(ValueError, match=r"`w`.*scalar"):
        bijectors.Planar([1.0, 2.0], 1.0, 0.0)
