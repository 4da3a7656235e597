"""The path gradient: the stop-gradient form, without noise at a perfect fit."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff

tfb, tfd = tfp.bijectors, tfp.distributions
OBJECTIVES = dict(reparameterized=tff.vi.ReverseKL, path=tff.vi.PathReverseKL)
BUILDERS = [tff.planar_flow, tff.radial_flow]
SEED = tf.constant([1, 2])


def make(builder, event_size=3, **kwargs):
    settings = dict(seed=4, dtype=tf.float64, init_scale=1.0)
    return builder(event_size, 3, **{**settings, **kwargs})


def target_log_prob(x):
    return -0.5 * tf.reduce_sum((x - 1.0) ** 2 / 4.0, axis=-1) + tf.cos(x[..., 0])


def gradients(
    flow, estimator, target=target_log_prob, sample_size=16, beta=1.0, seed=SEED
):
    objective_fn = OBJECTIVES[estimator](target, sample_size=sample_size).of(flow, None)
    with tf.GradientTape() as tape:
        objective, _ = objective_fn._estimate(
            seed, tf.constant(beta, flow.dtype), objective_fn._density_at(step=None)
        )
    return tape.gradient(objective, flow.trainable_variables)


def frozen_log_prob(flow):
    """log q with the parameters of the moment as constants."""
    leaves = tf.nest.flatten(flow, expand_composites=True)
    values = [tf.stop_gradient(tf.convert_to_tensor(leaf)) for leaf in leaves]
    return tf.nest.pack_sequence_as(flow, values, expand_composites=True).log_prob


def stop_gradient_form(flow, beta=1.0):
    """By autodiff of log q(x) - beta log p(x) with the parameters of q frozen."""
    with tf.GradientTape() as tape:
        x = flow.bijector.forward(flow.distribution.sample(16, seed=SEED))
        log_q = frozen_log_prob(flow)(tf.identity(x))
        objective = tf.reduce_sum(tf.reduce_mean(log_q - beta * target_log_prob(x), 0))
    return tape.gradient(objective, flow.trainable_variables)


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("fused", [True, False])
def test_equals_the_stop_gradient_form(builder, fused):
    flow = make(builder, fused=fused, batch_shape=(3,))
    actual = gradients(flow, "path", beta=0.3)
    expected = stop_gradient_form(flow, beta=0.3)
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-10, atol=1e-10 * np.max(np.abs(e)))


@pytest.mark.parametrize("event_size", [2, 12])
def test_chains_with_bijectors_of_tfp(event_size):
    inner = make(tff.planar_flow, event_size=event_size)
    scale = tfp.util.TransformedVariable(
        tf.fill([event_size], tf.constant(1.5, tf.float64)), tfb.Exp()
    )
    chain = tfb.Chain(
        [tfb.Softplus(), tfb.Scale(scale), inner.bijector, tfb.Shift(np.float64(0.5))]
    )
    flow = tfd.TransformedDistribution(inner.distribution, chain)
    for a, e in zip(gradients(flow, "path"), stop_gradient_form(flow), strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-9, atol=1e-9 * np.max(np.abs(e)))


@pytest.mark.parametrize("builder", BUILDERS)
def test_no_noise_where_the_flow_is_the_target(builder):
    flow = make(builder)
    target = frozen_log_prob(make(builder))
    norms = {}
    for estimator in OBJECTIVES:
        norms[estimator] = sum(
            np.sum(np.square(g)) for g in gradients(flow, estimator, target)
        )
    assert norms["reparameterized"] > 1e-4
    # Exactly zero but for rounding: far more than the factor of 100 that is asked for.
    assert norms["path"] < 1e-20 * norms["reparameterized"]


def test_is_unbiased():
    flow = make(tff.planar_flow, event_size=2)
    means = {}
    for estimator in OBJECTIVES:
        drawn = [
            gradients(flow, estimator, sample_size=5_000, seed=tf.constant([0, i]))
            for i in range(10)
        ]
        stacked = [np.stack(parts) for parts in zip(*drawn, strict=True)]
        means[estimator] = [(g.mean(0), g.std(0) / np.sqrt(10)) for g in stacked]
    for (a, e_a), (b, e_b) in zip(*means.values(), strict=True):
        assert np.all(np.abs(a - b) <= 6.0 * np.sqrt(e_a**2 + e_b**2) + 1e-6)


@pytest.mark.slow
def test_fit_under_xla():
    result = tff.vi.fit_reverse_kl(
        tff.planar_flow(2, 2, seed=0),
        lambda x: -0.5 * tf.reduce_sum((x - 1.0) ** 2, axis=-1),
        num_steps=400,
        sample_size=64,
        gradient_estimator="path",
        optimizer=keras.optimizers.Adam(0.02),
        seed=1,
        progress_bar=False,
        jit_compile=True,
    )
    assert result.settings["gradient_estimator"] == "path"
    assert result.final_loss == pytest.approx(-np.log(2 * np.pi), abs=0.1)


def test_bad_estimators_are_refused():
    target = target_log_prob
    with pytest.raises(ValueError, match=r"'reparameterized', 'path'.*'score'"):
        tff.vi.fit_reverse_kl(make(tff.planar_flow), target, gradient_estimator="score")
    normal = tfd.Independent(tfd.Normal(tf.Variable([0.0, 0.0]), 1.0), 1)
    with pytest.raises(TypeError, match="TransformedDistribution"):
        tff.vi.fit_reverse_kl(normal, target, gradient_estimator="path")


@pytest.mark.slow
def test_a_base_without_a_batch_serves_batches_and_starts():
    base = tfp.distributions.MultivariateNormalDiag([1.0, 2.0], [1.0, 0.5])
    # As many samples as members: axes that are mixed up would have the same shape.
    flow = tff.planar_flow(2, 2, seed=0, base=base, batch_shape=(3,))
    result = tff.vi.fit_reverse_kl(
        flow,
        lambda x: -0.5 * tf.reduce_sum((x - 1.0) ** 2, axis=-1),
        num_steps=100,
        sample_size=3 * 2 * 2,
        num_starts=2,
        gradient_estimator="path",
        optimizer=keras.optimizers.Adam(0.05),
        seed=1,
        progress_bar=False,
        jit_compile=False,
    )
    assert result.loss.shape == (100, 3)
    assert np.all(result.final_loss < result.loss[0] - 0.2)
