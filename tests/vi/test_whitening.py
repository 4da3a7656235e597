"""Fits that begin at a Gaussian: in its coordinates, and back in the target's."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff
from tfp_flows.density import as_density
from tfp_flows.vi.whitening import AffineMap, Whitening

MEAN, SD = np.array([-8e4, 3e-3]), np.array([2e3, 1e-3])


def target(x):
    """Logits of Beta(3, 2), in natural units."""
    z = (x - tf.constant(MEAN, x.dtype)) / tf.constant(SD, x.dtype)
    return tf.reduce_sum(3.0 * z - 5.0 * tf.nn.softplus(z), axis=-1)


def build(**arguments):
    return tff.planar_flow(2, 2, **(dict(seed=0, affine=True) | arguments))


def fit(flow, **arguments):
    """Nothing moves from where the fit begins."""
    settings = dict(
        num_steps=2,
        sample_size=64,
        seed=1,
        optimizer=keras.optimizers.SGD(0.0),
        jit_compile=False,
        progress_bar=False,
    )
    return tff.vi.fit_reverse_kl(flow, target, **(settings | arguments))


@pytest.fixture(scope="module")
def start():
    return tff.vi.gaussian_start(target, 2, seed=0)


def assert_in_units(flow):
    """Samples of the flow have about the moments of the target."""
    x = (flow.sample(4_000, seed=2).numpy() - MEAN) / SD
    # digamma(3) - digamma(2), and the root of trigamma(3) + trigamma(2).
    np.testing.assert_allclose(x.mean(axis=0), 0.5, atol=0.15)
    np.testing.assert_allclose(x.std(axis=0), 1.02, atol=0.15)


def test_all_starts_of_a_fit_begin_there_whatever_the_units(start):
    flow = build()
    result = fit(flow, start=start, num_starts=4)
    assert result.flow is flow
    assert result.settings["start"] == "gaussian"
    assert not result.settings["annealed"]
    assert -result.loss[-1] > start.elbo - 0.3
    assert_in_units(flow)


def test_a_batch_of_flows_in_float64(start):
    flow = build(batch_shape=(2,), dtype=tf.float64, fused=False)
    with Whitening(flow, as_density(target), start, None) as whitening:
        z, log_q = flow.experimental_sample_and_log_prob(4_000, seed=3)
        elbo = np.mean(whitening.target(z) - log_q, axis=0)
    np.testing.assert_allclose(elbo, start.elbo, atol=0.2)
    assert_in_units(flow[1])


def test_the_start_is_that_of_the_seed(start):
    found = [
        Whitening(build(), as_density(target), "gaussian", seed).start
        for seed in ([0, 1], [0, 1], [0, 2])
    ]
    np.testing.assert_array_equal(found[0].scale_tril, found[1].scale_tril)
    assert np.all(found[0].location != found[2].location)


def two_modes(x):
    at = tf.stack([x[..., 0] - 4.0, x[..., 0] + 4.0])
    return tf.reduce_logsumexp(-0.5 * at**2, axis=0) - 0.5 * x[..., 1] ** 2


@pytest.mark.parametrize(
    ("flow_arguments", "density", "has_start"),
    [
        ({}, target, True),
        ({}, two_modes, False),
        (dict(affine=False), target, False),
        (dict(dtype=tf.float16), target, False),
    ],
)
def test_auto_starts_where_it_pays(flow_arguments, density, has_start):
    whitening = Whitening(build(**flow_arguments), as_density(density), "auto", [0, 1])
    assert (whitening.start is not None) == whitening.is_near == has_start


def test_auto_leaves_a_trained_flow_where_it_is():
    flow = build()
    flow.bijector.bijectors[0].shift.assign([0.5, 0.0])
    assert Whitening(flow, as_density(target), "auto", [0, 1]).start is None


def test_the_flow_is_in_units_after_an_exception(start):
    flow = build(init_scale=0.0)
    whitening = Whitening(flow, as_density(target), start, None)

    def fail():
        with whitening:
            np.testing.assert_allclose(flow.sample(1_000, seed=0), 0.0, atol=6.0)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    np.testing.assert_allclose(
        flow.log_prob(MEAN.astype(np.float32)),
        start.distribution().log_prob(MEAN.astype(np.float32)),
        rtol=1e-4,
    )


def test_whitened_density(start):
    density = start.whitened(target)
    z = np.random.default_rng(0).normal(size=[5, 3, 2])
    x = z @ start.scale_tril.T.astype(np.float64) + start.location
    log_det = np.log(np.diag(start.scale_tril)).sum()
    expected = target(tf.constant(x)) + log_det
    np.testing.assert_allclose(density(tf.constant(z)), expected, rtol=1e-4)
    normal = tfp.distributions.MultivariateNormalDiag([0.0, 0.0])
    assert start.whitened(normal).log_normalizer == 0.0


@pytest.mark.parametrize(
    ("flow", "start", "error", "message"),
    [
        (dict(affine=False), "gaussian", ValueError, "affine=True"),
        ({}, "laplace", TypeError, "`start` must be 'gaussian'"),
        ({}, 3, TypeError, "`start` must be 'gaussian'"),
    ],
)
def test_errors(flow, start, error, message):
    with pytest.raises(error, match=message):
        fit(build(**flow), start=start)


def test_a_start_of_another_size(start):
    with pytest.raises(ValueError, match="vectors of size 2, but planar_flow"):
        fit(tff.planar_flow(3, 2, affine=True, name="planar_flow"), start=start)


def test_a_flow_that_was_trained_goes_on_from_its_affine_map(start):
    flow = build(init_scale=0.0)
    AffineMap.of(flow).follow_with(start)
    before = [variable.numpy() for variable in flow.trainable_variables]
    with Whitening(flow, as_density(target), "auto", None):
        for variable, value in zip(flow.trainable_variables, before, strict=True):
            np.testing.assert_array_equal(variable, value)
