"""The Sylvester layer: its three forms against float64 autodiff, and its edges."""

import numpy as np
import oracles
import pytest
import tensorflow as tf

from tfp_flows import bijectors

EVENT_SIZE = 6
# M, H, reverse
FORMS = {
    "orthogonal M=1": (1, 1, False),
    "orthogonal M=4": (4, 4, False),
    "orthogonal M=D": (EVENT_SIZE, EVENT_SIZE, False),
    "householder": (EVENT_SIZE, 3, False),
    "triangular": (EVENT_SIZE, None, False),
    "triangular reversed": (EVENT_SIZE, None, True),
}


@pytest.fixture(params=FORMS)
def form(request):
    """M, H and whether reversed, of each form in turn."""
    return FORMS[request.param]


def draw(rng, form, scale=1.0, batch_shape=(), event_size=EVENT_SIZE):
    m, h, reverse = form
    shapes = dict(r=(m, m), r2=(m, m), b=(m,))
    if h is not None:
        shapes["v"] = (h, event_size)
    values = {
        name: scale * rng.normal(size=(*batch_shape, *shape))
        for name, shape in shapes.items()
    }
    return values | dict(reverse=reverse)


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_log_det_against_autodiff(form, scale, rng):
    layer = bijectors.Sylvester(**draw(rng, form, scale))
    x = tf.constant(rng.normal(size=(50, EVENT_SIZE)))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer.forward(x)
    jacobian = tape.batch_jacobian(y, x).numpy()
    sign, expected = np.linalg.slogdet(jacobian)
    assert np.all(sign == 1.0)
    error = np.abs(layer.forward_log_det_jacobian(x) - expected)
    # The entries of the Jacobian are rounded: its determinant is uncertain by epsilon
    # times its condition number, which is 1e7 at the worst of these.
    uncertain = 4.0 * np.finfo(float).eps * np.linalg.cond(jacobian)
    assert np.max(error - uncertain) <= 1e-12
    assert np.max(error) <= 1e-10 or scale == 10.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("num_reflections", [1, 4, 20])
def test_columns_are_orthonormal(num_reflections, scale, dtype, rng):
    v = (scale * rng.normal(size=(100, num_reflections, 20))).astype(dtype)
    r = np.ones((8, 8), dtype)
    q = bijectors.Sylvester(r, r, r[0], v).q.numpy().astype(np.float64)
    assert q.shape == (100, 20, 8)
    defect = np.swapaxes(q, 1, 2) @ q - np.eye(8)
    assert np.max(np.abs(defect)) <= 16 * np.finfo(dtype).eps
    expected = oracles.householder_columns(v.astype(np.float64), 8)
    np.testing.assert_allclose(q, expected, rtol=0, atol=32 * np.finfo(dtype).eps)


@pytest.mark.parametrize("noise", [0.0, 1e-9, 1e-3])
def test_parallel_reflections(noise, rng):
    # Twice the same reflection is none; the triangular system is at its worst.
    v = np.ones((12, 20)) + noise * rng.normal(size=(12, 20))
    q = bijectors.Sylvester(np.eye(8), np.eye(8), np.ones(8), v).q.numpy()
    assert np.max(np.abs(q.T @ q - np.eye(8))) <= 1e-14
    np.testing.assert_allclose(q, np.eye(20, 8), atol=100 * noise + 1e-14)


def test_reflection_of_a_zero_vector_is_left_out(rng):
    parameters = draw(rng, (4, 4, False))
    v = parameters.pop("v")
    without = bijectors.Sylvester(**parameters, v=v[[0, 2, 3]])
    with_zero = tf.Variable(v * np.array([1.0, 0.0, 1.0, 1.0])[:, np.newaxis])
    layer = bijectors.Sylvester(**parameters, v=with_zero)
    x = tf.constant(rng.normal(size=(5, EVENT_SIZE)))
    np.testing.assert_allclose(layer.forward(x), without.forward(x), rtol=1e-13)
    with tf.GradientTape() as tape:
        y = layer.forward(tf.identity(x))
    gradient = tape.gradient(y, with_zero).numpy()
    assert np.all(np.isfinite(gradient))
    np.testing.assert_array_equal(gradient[1], np.zeros(EVENT_SIZE))


def test_orthogonal_form_reaches_every_q(rng):
    # The Householder vectors of a QR decomposition give its Q, up to signs of columns.
    target, _ = np.linalg.qr(rng.normal(size=(EVENT_SIZE, 4)))
    rest, v = target.copy(), np.zeros((4, EVENT_SIZE))
    for m in range(4):
        v[m, m:] = rest[m:, m]
        v[m, m] += np.copysign(np.linalg.norm(rest[m:, m]), rest[m, m])
        rest -= 2.0 * np.outer(v[m], v[m] @ rest) / np.sum(v[m] ** 2)
    q = bijectors.Sylvester(np.eye(4), np.eye(4), np.zeros(4), v).q.numpy()
    np.testing.assert_allclose(np.abs(np.sum(q * target, axis=0)), np.ones(4), rtol=1e-12)


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 1e-5), ("float64", 1e-12)])
@pytest.mark.parametrize("size", [10.0, 1e3, 1e6])
def test_log_det_where_the_textbook_form_cancels(size, dtype, bound):
    # On the hyperplanes of both units, 1 + R_mm R2_mm = 1 / (2 size^2), to 5e-13.
    r, r2 = np.diag([size, -size]), np.diag([-size, size])
    r[0, 1] = 3.0
    layer = [np.asarray(p, dtype) for p in (r, r2, np.zeros(2))]
    x = np.array([[0.0, 0.0], [1e-3 / size, 0.5 / size]], dtype)
    _, truth = oracles.compose_exact(oracles.sylvester_exact, x, [layer])
    assert truth[0] == pytest.approx(-2.0 * np.log(2.0 * size**2), rel=1e-2)
    sylvester = bijectors.Sylvester(*layer)
    actual = sylvester.forward_log_det_jacobian(x)
    np.testing.assert_allclose(actual, truth, rtol=bound)
    assert sylvester.injectivity_margin.numpy() == pytest.approx(0.5 / size**2, rel=1e-2)


@pytest.mark.parametrize("size", [1e-30, 1e-15, 1e15])
def test_tiny_and_huge_parameters_in_float32(size, rng):
    parameters = draw(rng, (4, 4, False), size)
    del parameters["reverse"]
    parameters = {name: tf.constant(p, tf.float32) for name, p in parameters.items()}
    inputs = list(parameters.values())
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        layer = bijectors.Sylvester(**parameters)
        y, log_det = layer.forward_and_log_det(rng.normal(size=(5, EVENT_SIZE)))
    assert np.all(np.isfinite(y))
    assert np.all(np.isfinite(log_det))
    gradients = tape.gradient([y, log_det], inputs)
    assert not np.any(np.isnan(tf.concat([tf.reshape(g, [-1]) for g in gradients], 0)))


def test_one_unit_is_a_planar_layer(rng):
    # W = r2 Q^T, U = Q R: planar with w = r2 q and u along it.
    r, r2, v = rng.normal(size=(1, 1)), rng.normal(size=(1, 1)), rng.normal(size=(1, 3))
    layer = bijectors.Sylvester(r, r2, np.array([0.3]), v)
    w = (layer.q.numpy() * r2)[:, 0]
    margin = layer.injectivity_margin.numpy()
    # softplus(w.u) = margin
    u = np.log(np.expm1(margin)) * w / np.sum(w**2)
    planar = bijectors.Planar(u, w, 0.3)
    x = rng.normal(size=(5, 3))
    np.testing.assert_allclose(layer.forward(x), planar.forward(x), rtol=1e-12)
    np.testing.assert_allclose(
        layer.forward_log_det_jacobian(x), planar.forward_log_det_jacobian(x), rtol=1e-10
    )


def test_r_zero_is_the_identity(form, rng):
    parameters = draw(rng, form) | dict(r=np.zeros((form[0], form[0])))
    layer = bijectors.Sylvester(**parameters)
    x = tf.constant(rng.normal(size=(5, EVENT_SIZE)))
    np.testing.assert_array_equal(layer.forward(x), x)
    np.testing.assert_array_equal(layer.forward_log_det_jacobian(x), np.zeros(5))
    np.testing.assert_array_equal(layer.inverse(tf.identity(x)), x)


def test_below_the_diagonal_has_no_effect(form, rng):
    parameters = draw(rng, form)
    x = rng.normal(size=(5, EVENT_SIZE))
    expected = bijectors.Sylvester(**parameters).forward(x)
    below = np.tril(rng.normal(size=parameters["r"].shape), -1)
    parameters |= dict(r=parameters["r"] + below, r2=parameters["r2"] - below)
    np.testing.assert_array_equal(bijectors.Sylvester(**parameters).forward(x), expected)


@pytest.mark.parametrize("batch_shape", [(), (4,)], ids=str)
def test_forward_and_log_det(form, batch_shape, rng):
    layer = bijectors.Sylvester(**draw(rng, form, batch_shape=batch_shape))
    x = tf.constant(rng.normal(size=(5, *batch_shape, EVENT_SIZE)))
    y, log_det = layer.forward_and_log_det(x)
    image, truth = oracles.sylvester(
        x, layer.r, layer.r2, layer.b, layer.v, layer.reverse
    )
    np.testing.assert_allclose(y, image, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(log_det, truth, rtol=1e-10, atol=1e-12)


def test_forward_and_log_det_checks_parameters():
    r = tf.Variable(np.eye(2))
    layer = bijectors.Sylvester(r, np.eye(2), np.zeros(2), validate_args=True)
    r.assign([[1.0, np.nan], [0.0, 1.0]])
    with pytest.raises(tf.errors.InvalidArgumentError, match="`r`"):
        layer.forward_and_log_det(np.zeros((3, 2)))


@pytest.mark.slow
def test_forward_mode_through_the_inverse(rng):
    layer = bijectors.Sylvester(**draw(rng, FORMS["orthogonal M=4"]))
    y, tangent = (tf.constant(rng.normal(size=(3, EVENT_SIZE))) for _ in range(2))
    with tf.autodiff.ForwardAccumulator(y, tangent) as accumulator:
        x, log_det = layer.inverse(y), layer.inverse_log_det_jacobian(y)
    step = 1e-6
    up, down = y + step * tangent, y - step * tangent
    expected = (layer.inverse(up) - layer.inverse(down)) / (2.0 * step)
    np.testing.assert_allclose(accumulator.jvp(x), expected, rtol=1e-5, atol=1e-6)
    expected = (
        layer.inverse_log_det_jacobian(up) - layer.inverse_log_det_jacobian(down)
    ) / (2.0 * step)
    np.testing.assert_allclose(accumulator.jvp(log_det), expected, rtol=1e-5, atol=1e-6)


E5, E4 = np.eye(5), np.eye(4)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (dict(r=E4, r2=E5, b=np.ones(4)), r"one number of units.*r2: \(5, 5\)"),
        (dict(r=E4, r2=E4, b=np.ones(3)), r"one number of units.*b: \(3,\)"),
        (dict(r=E4[:3], r2=E4, b=np.ones(4)), r"one number of units.*r: \(3, 4\)"),
        (dict(r=np.ones(4), r2=E4, b=np.ones(4)), r"`r` of shape \[..., M, M\]"),
        (dict(r=E4, r2=E4, b=1.0), r"`b` of shape \[..., M\]"),
        (dict(r=E4, r2=E4, b=np.ones(4), v=np.ones(4)), r"`v` of shape \[..., H, D\]"),
        (dict(r=E4, r2=E4, b=np.ones(4), v=np.ones((2, 3))), "M = 4.*smaller"),
        (dict(r=E4, r2=E4, b=np.ones(4), v=E5, reverse=True), "leave out one"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        bijectors.Sylvester(**parameters)
