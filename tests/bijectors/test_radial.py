"""The radial layer: against mpmath at strong contraction, and its edges."""

import numpy as np
import oracles
import pytest
import tensorflow as tf

from tfp_flows import bijectors

PRECISION = {"float32": 1e-5, "float64": 1e-12}


def rays(event_size, radii):
    """Points at `radii` from the origin, exact in float32."""
    direction = np.zeros(event_size)
    direction[:2] = (0.75, -0.5)[:event_size]
    return np.array([r * direction for r in radii])


@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("event_size", [1, 2, 5])
@pytest.mark.parametrize("beta", [-90.0, -50.0, -20.0, 0.0, 20.0, 90.0])
def test_log_det_at_every_radius(beta, event_size, dtype):
    # Powers of two, so that x - center is exact in either dtype.
    center = np.full(event_size, 0.25)
    x = center + rays(event_size, [0.0, 2.0**-10, 0.5, 4.0, 2.0**10])
    layer = [np.asarray(p, dtype) for p in (center, 0.7, beta)]
    x = x.astype(dtype)
    radial = bijectors.Radial(*layer)
    image, truth = oracles.compose_exact(oracles.radial_exact, x, [layer])
    actual = radial.forward_log_det_jacobian(x).numpy()
    assert np.max(np.abs(actual - truth) / np.abs(truth)) <= PRECISION[dtype]
    np.testing.assert_allclose(radial.forward(x), image, rtol=PRECISION[dtype], atol=1e-7)


def test_strong_contraction_at_the_center_is_exact():
    # D log(p / alpha) with p = e^-90, which 1 + beta_hat h cannot represent.
    radial = bijectors.Radial(np.zeros(3, np.float32), 1.0, -90.0)
    log_det = radial.forward_log_det_jacobian(np.zeros(3, np.float32))
    assert log_det.numpy() == pytest.approx(-270.0, rel=1e-6)


@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("alpha", [0.01, 1.0, 30.0])
def test_identity_where_p_is_alpha(alpha, dtype, rng):
    beta = np.log(np.expm1(alpha))
    radial = bijectors.Radial(
        *(np.asarray(p, dtype) for p in (rng.normal(size=3), alpha, beta))
    )
    x = tf.constant(rng.normal(size=(50, 3)), dtype)
    # softplus at the rounded beta is alpha to |beta| epsilon.
    bound = 16 * np.finfo(dtype).eps
    np.testing.assert_allclose(radial.forward(x), x, rtol=bound, atol=bound)
    log_det = radial.forward_log_det_jacobian(x).numpy()
    assert np.max(np.abs(log_det)) <= 3 * bound


def test_center_is_fixed(rng):
    center = rng.normal(size=(4, 3))
    radial = bijectors.Radial(center, rng.uniform(0.5, 2.0, 4), rng.normal(size=4))
    np.testing.assert_array_equal(radial.forward(center), center)


def test_images_stay_on_their_ray(rng):
    center, alpha, beta = rng.normal(size=3), 0.8, -2.0
    radial = bijectors.Radial(center, alpha, beta)
    offset = rng.normal(size=(20, 3))
    image = radial.forward(center + offset).numpy() - center
    factor = np.sum(image * offset, axis=-1) / np.sum(offset**2, axis=-1)
    assert np.all(factor > 0.0)
    np.testing.assert_allclose(image, factor[:, np.newaxis] * offset, atol=1e-14)
    # Contraction, as p < alpha, by (p + r) / (alpha + r).
    r, p = np.linalg.norm(offset, axis=-1), np.log1p(np.exp(beta))
    np.testing.assert_allclose(factor, (p + r) / (alpha + r), rtol=1e-12)


@pytest.mark.parametrize("beta", [-90.0, 0.0, 50.0])
def test_order_along_a_ray_is_kept(beta):
    radial = bijectors.Radial(np.zeros(2), 1.0, beta)
    r = np.linspace(0.0, 20.0, 401)
    image = radial.forward(np.stack([r, np.zeros_like(r)], axis=-1)).numpy()[:, 0]
    assert image[0] == 0.0
    assert np.all(np.diff(image) > 0.0)


@pytest.mark.parametrize(
    ("beta", "dtype", "order"),
    [
        *((beta, dtype, 2) for beta in (-20.0, 0.5, 90.0) for dtype in PRECISION),
        # The n-th gradient at the center holds p^-n, of which e^88 fits float32.
        (-50.0, "float32", 1),
        (-80.0, "float32", 1),
        (-50.0, "float64", 2),
        (-90.0, "float64", 2),
    ],
)
def test_gradients_are_finite(beta, dtype, order):
    center = np.array([0.25, -0.5])
    x = center + rays(2, [0.0, 2.0**-10, 1.0, 2.0**10])
    inputs = [tf.constant(p, dtype) for p in (center, 0.7, beta, x)]
    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            radial = bijectors.Radial(*inputs[:3])
            total = tf.reduce_sum(tf.square(radial.forward(inputs[3])))
            total += tf.reduce_sum(radial.forward_log_det_jacobian(inputs[3]))
        first = inner.gradient(total, inputs)
        weighted = tf.add_n([tf.reduce_sum(tf.sin(g)) for g in first])
    second = outer.gradient(weighted, inputs)
    assert all(np.all(np.isfinite(g)) for g in first)
    assert all(np.any(np.abs(g) > 0.0) for g in first)
    assert order == 1 or all(np.all(np.isfinite(g)) for g in second)


def test_gradient_at_the_center():
    # The map is differentiable there, with Jacobian (p / alpha) I; the gradient of the
    # log-det, which is not, is defined as 0.
    radial = bijectors.Radial(np.zeros(2), 2.0, 1.0)
    x = tf.zeros([2], tf.float64)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y, log_det = radial.forward(x), radial.forward_log_det_jacobian(x)
        first = y[0]
    scale = np.log1p(np.e) / 2.0
    np.testing.assert_allclose(tape.gradient(first, x), [scale, 0.0], rtol=1e-12)
    np.testing.assert_array_equal(tape.gradient(log_det, x), [0.0, 0.0])


@pytest.mark.parametrize("distance", [1e-30, 1e-18, 1e18])
def test_tiny_and_huge_distances_in_float32(distance):
    layer = [np.asarray(p, np.float32) for p in (np.zeros(2), 0.7, -3.0)]
    x = np.array([[distance, 0.0], [0.6 * distance, -0.8 * distance]], np.float32)
    radial = bijectors.Radial(*layer)
    image, truth = oracles.compose_exact(oracles.radial_exact, x, [layer])
    np.testing.assert_allclose(radial.forward(x), image, rtol=1e-5)
    np.testing.assert_allclose(
        radial.forward_log_det_jacobian(x), truth, rtol=1e-5, atol=1e-6
    )


def test_python_numbers_make_float32():
    radial = bijectors.Radial(center=[0.0, 1.0], alpha=1.0, beta=2.0)
    assert radial.dtype == tf.float32
    y, log_det = oracles.radial([0.3, -0.4], [0.0, 1.0], 1.0, 2.0)
    assert radial.forward([0.3, -0.4]).numpy() == pytest.approx(y, rel=1e-5)
    actual = radial.forward_log_det_jacobian([0.3, -0.4]).numpy()
    assert actual == pytest.approx(log_det, rel=1e-5)


def test_scalar_center_is_refused():
    with pytest.raises(ValueError, match=r"`center`.*scalar"):
        bijectors.Radial(0.0, 1.0, 0.0)
