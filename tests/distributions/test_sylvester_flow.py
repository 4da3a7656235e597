"""sylvester_flow: its forms, initial values, density, and training."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff
from tfp_flows.bijectors.sylvester_family import SYLVESTER_FORMS
from tfp_flows.distributions import sylvester_flow

tfd = tfp.distributions


def layers_of(flow):
    """Single layers, first to last; a chain applies its last bijector first."""
    return flow.bijector.bijectors[::-1]


@pytest.fixture(params=SYLVESTER_FORMS)
def form(request):
    return request.param


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("batch_shape", [(), (2, 3)], ids=str)
def test_variables(form, batch_shape, dtype):
    options = dict(form=form, seed=0, dtype=dtype, batch_shape=batch_shape)
    stack = sylvester_flow(10, 3, **options).bijector
    flow = sylvester_flow(10, 3, **options, fused=False)
    m, h = {"orthogonal": (8, 8), "householder": (10, 8), "triangular": (10, None)}[form]
    for k, layer in enumerate(layers_of(flow)):
        shapes = dict(r=(m, m), r2=(m, m), b=(m,)) | (dict(v=(h, 10)) if h else {})
        for name, shape in shapes.items():
            variable = getattr(layer, name)
            assert isinstance(variable, tf.Variable)
            assert variable.name.split("/")[-1].split(":")[0] == f"{name}_{k}"
            assert variable.shape == (*batch_shape, *shape)
            assert getattr(stack, name).shape == (*batch_shape, 3, *shape)
        assert (layer.v is None) == (form == "triangular")
        assert layer.reverse == (form == "triangular" and k == 1)
    assert len(flow.trainable_variables) == 3 * len(shapes)


def test_sizes_that_are_given():
    stack = sylvester_flow(10, 2, 3, seed=0).bijector
    assert stack.r.shape == (2, 3, 3)
    assert stack.v.shape == (2, 3, 10)
    flow = sylvester_flow(5, 1, 5, "householder", num_reflections=2, seed=0)
    assert flow.bijector.v.shape == (1, 2, 5)


def test_density_is_normalised(form):
    flow = sylvester_flow(2, 3, form=form, seed=3, dtype=tf.float64, init_scale=0.5)
    grid = np.linspace(-10.0, 10.0, 201)
    points = np.stack(np.meshgrid(grid, grid), axis=-1)
    total = np.sum(np.exp(flow.log_prob(points))) * (grid[1] - grid[0]) ** 2
    assert total == pytest.approx(1.0, abs=1e-3)


def test_log_prob_of_samples(form):
    flow = sylvester_flow(6, 3, form=form, seed=3, dtype=tf.float64, init_scale=0.5)
    x, log_q = flow.experimental_sample_and_log_prob(50, seed=(0, 1))
    np.testing.assert_allclose(flow.log_prob(tf.identity(x)), log_q, rtol=1e-9)
    assert np.std(log_q - tfd.MultivariateNormalDiag(np.zeros(6)).log_prob(x)) > 0.1


def test_starts_at_the_identity_plus_noise(form):
    z = tf.random.stateless_normal([200, 4], seed=(0, 1))
    flow = sylvester_flow(4, 3, form=form, seed=0, init_scale=0.0)
    np.testing.assert_array_equal(flow.bijector.forward(z), z)
    moved = sylvester_flow(4, 3, form=form, seed=0).bijector.forward(z) - z
    assert 0.02 < np.std(moved) < 0.5


@pytest.mark.parametrize("num_units", [1, 3, 20])
def test_pre_activations_start_of_order_one(num_units, rng):
    flow = sylvester_flow(20, 40, num_units, seed=0, fused=False)
    z = rng.normal(size=(200, 20)).astype("f")
    s = np.stack([(z @ layer.q) @ tf.transpose(layer.r2) for layer in layers_of(flow)])
    # Every unit alike, the first, of M entries, and the last, of one.
    deviations = np.std(s, axis=(0, 1))
    assert np.all((deviations > 0.9) & (deviations < 2.0))
    # Hyperplanes through points of N(0, 1.5^2): b has 1.5 times that deviation.
    assert 1.0 < np.std([layer.b for layer in layers_of(flow)]) < 3.0


def test_seeds(form):
    first, same, other = (
        sylvester_flow(3, 2, form=form, seed=seed).trainable_variables
        for seed in (5, 5, 6)
    )
    for a, b, c in zip(first, same, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.max(np.abs(a - c)) > 0.0


@pytest.mark.parametrize(
    ("form", "estimator"),
    [
        ("orthogonal", "path"),
        ("householder", "reparameterized"),
        ("triangular", "reparameterized"),
    ],
)
def test_training(form, estimator, eagerly):
    flow = sylvester_flow(2, 3, form=form, seed=0)
    target = tff.targets.get("example1")
    result = tff.vi.fit_reverse_kl(
        flow,
        target.unnormalized_log_prob,
        num_steps=3,
        sample_size=64,
        seed=1,
        gradient_estimator=estimator,
    )
    before = sylvester_flow(2, 3, form=form, seed=0).trainable_variables
    assert np.isfinite(result.loss).all()
    for old, new in zip(before, flow.trainable_variables, strict=True):
        assert np.max(np.abs(old - new)) > 1e-4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(form="cayley"), "'orthogonal', 'householder', 'triangular'.*'cayley'"),
        (dict(num_units=4), "at most the event size, 3.*4"),
        (dict(num_units=0), "`num_units`.*at least 1"),
        (dict(num_units=2, form="householder"), "householder form.*num_units=2"),
        (dict(num_units=2, form="triangular"), "triangular form.*num_units=2"),
        (dict(num_reflections=2), "`num_reflections`.*'orthogonal'"),
        (dict(num_reflections=0, form="householder"), "`num_reflections`.*at least 1"),
        (dict(event_size=0), "`event_size`"),
        (dict(num_layers=1.5), "`num_layers`"),
        (dict(base=tfd.MultivariateNormalDiag(tf.zeros(2))), r"event shape.*\[3\]"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        sylvester_flow(**{**dict(event_size=3, num_layers=2, seed=0), **arguments})
