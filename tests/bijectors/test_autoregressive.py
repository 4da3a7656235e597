"""The autoregressive layer: its masks, its triangular Jacobian, and its edges."""

import numpy as np
import oracles
import pytest
import tensorflow as tf

from tfp_flows import bijectors
from tfp_flows.bijectors.autoregressive_layer import degrees

EVENT_SIZE, HIDDEN_UNITS = 5, 6


def draw(rng, scale=1.0, batch_shape=(), event_size=EVENT_SIZE, hidden=HIDDEN_UNITS):
    shapes = dict(
        w=(hidden, event_size), b=(hidden,), v=(2, event_size, hidden), c=(2, event_size)
    )
    return {
        name: scale * rng.normal(size=(*batch_shape, *shape))
        for name, shape in shapes.items()
    }


def jacobian(function, x):
    """The Jacobian `[D, D]` of a function of one point."""
    x = tf.constant(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = function(x)
    return tape.jacobian(y, x, experimental_use_pfor=False).numpy()


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("method", ["forward", "inverse"])
def test_jacobian_is_triangular_and_full(method, reverse, rng):
    layer = bijectors.Autoregressive(**draw(rng), reverse=reverse)
    x = rng.normal(size=EVENT_SIZE)
    j = jacobian(getattr(layer, method), x)
    j = j[::-1, ::-1] if reverse else j
    np.testing.assert_array_equal(np.triu(j, 1), np.zeros_like(j))
    assert np.all(np.abs(np.tril(j)[np.tril_indices(EVENT_SIZE)]) > 1e-9)
    log_det = getattr(layer, f"{method}_log_det_jacobian")(x)
    np.testing.assert_allclose(np.sum(np.log(np.diag(j))), log_det, rtol=1e-10)


def test_two_layers_make_every_coordinate_depend_on_every_other(rng):
    stack = bijectors.AutoregressiveStack(**draw(rng, batch_shape=[2]))
    assert np.all(np.abs(jacobian(stack.forward, rng.normal(size=EVENT_SIZE))) > 1e-9)


@pytest.mark.parametrize("hidden", [1, 3, 4, 9, 16])
@pytest.mark.parametrize("event_size", [1, 2, 5])
def test_degrees(event_size, hidden):
    m = degrees(event_size, hidden).numpy()
    most = max(event_size - 1, 1)
    assert np.all(np.diff(m) >= 0)
    counts = np.bincount(m, minlength=most + 1)[1:]
    assert (counts.size, counts.sum()) == (most, hidden)
    assert np.ptp(counts) <= 1


def test_weights_under_the_masks_have_no_effect(rng):
    values = draw(rng)
    mask_w, mask_v = oracles.made_masks(EVENT_SIZE, HIDDEN_UNITS)
    assert 0 < np.sum(mask_w) < mask_w.size
    other = values | dict(
        w=np.where(mask_w, values["w"], np.inf),
        v=np.where(mask_v, values["v"], np.nan),
    )
    x = rng.normal(size=(4, EVENT_SIZE))
    layer, other = bijectors.Autoregressive(**values), bijectors.Autoregressive(**other)
    for method in ("forward", "inverse", "inverse_log_det_jacobian"):
        expected = getattr(layer, method)(x)
        np.testing.assert_array_equal(getattr(other, method)(x), expected)
    with tf.GradientTape() as tape:
        w = tf.Variable(values["w"])
        y, log_det = bijectors.Autoregressive(**values | dict(w=w)).forward_and_log_det(x)
        total = tf.reduce_sum(y) + tf.reduce_sum(log_det)
    np.testing.assert_array_equal(tape.gradient(total, w).numpy() != 0.0, mask_w)


def test_reverse_is_the_layer_between_two_reversals(rng):
    values = draw(rng)
    x = rng.normal(size=(4, EVENT_SIZE))
    layer = bijectors.Autoregressive(**values)
    reversed_layer = bijectors.Autoregressive(**values, reverse=True)
    for method in ("forward", "inverse"):
        expected = getattr(layer, method)(x[:, ::-1]).numpy()[:, ::-1]
        actual = getattr(reversed_layer, method)(x)
        np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-13)


def test_zeros_are_the_identity(rng):
    values = draw(rng)
    layer = bijectors.Autoregressive(
        **values | dict(v=0 * values["v"], c=np.zeros((2, 5)))
    )
    x = rng.normal(size=(4, EVENT_SIZE))
    np.testing.assert_array_equal(layer.forward(x), x)
    np.testing.assert_array_equal(layer.inverse(x), x)
    np.testing.assert_array_equal(layer.forward_log_det_jacobian(x), np.zeros(4))


def test_scales_are_bounded_at_any_parameters(rng):
    values = {n: p.astype("float32") for n, p in draw(rng, scale=1e4).items()}
    inputs = {name: tf.constant(value) for name, value in values.items()}
    x = rng.normal(size=(50, EVENT_SIZE)).astype("float32")
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        y, log_det = bijectors.Autoregressive(**inputs).forward_and_log_det(x)
    assert np.all(np.isfinite(y))
    assert np.max(np.abs(log_det)) == 5.0 * EVENT_SIZE
    for gradient in tape.gradient([y, log_det], inputs).values():
        assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 1e-5), ("float64", 1e-14)])
def test_inverse_where_scales_are_extreme(dtype, bound):
    # Scales e^5, e^-5, ..., at which x is 1 and y is known.
    c = np.zeros((2, 4), dtype)
    c[1] = [1e3, -1e3, 1e3, -1e3]
    zeros = np.zeros((3, 4), dtype)
    layer = bijectors.Autoregressive(zeros, zeros[:, 0], np.zeros((2, 4, 3), dtype), c)
    y = np.exp([5.0, -5.0, 5.0, -5.0]).astype(dtype)
    np.testing.assert_allclose(layer.inverse(y), np.ones(4), rtol=bound)
    assert layer.inverse_log_det_jacobian(y) == 0.0


def test_one_dimension_is_an_affine_map(rng):
    values = draw(rng, event_size=1)
    layer = bijectors.Autoregressive(**values)
    x = rng.normal(size=(6, 1))
    shift, a = values["c"]
    expected = shift + np.exp(5.0 * np.tanh(a / 5.0)) * x
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-13)
    np.testing.assert_allclose(layer.inverse(expected), x, rtol=1e-12)


W, B, V, C = np.ones((6, 4)), np.ones(6), np.ones((2, 4, 6)), np.ones((2, 4))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (dict(w=B, b=B, v=V, c=C), r"`w` of shape \[..., H, D\], but got shape \(6,\)"),
        (dict(w=W, b=B, v=C, c=C), r"`v` of shape \[..., 2, D, H\]"),
        (dict(w=W, b=B[:5], v=V, c=C), r"one number of hidden units H.*b: \(5,\)"),
        (dict(w=W[:, :3], b=B, v=V, c=C), r"one event size D.*w: \(6, 3\)"),
        (dict(w=W, b=B, v=V[:1], c=C), r"v: \[..., 2, D, H\].*v: \(1, 4, 6\)"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        bijectors.Autoregressive(**parameters)
