"""The terms of the bound against float64 NumPy, and the bound against the truth."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

import tfp_flows as tff
from tfp_flows import numerics
from tfp_flows.models.bound import image_log_prob, log_mean_exp, sampled_kl


class Affine(keras.layers.Layer):
    """A flow that keeps the posterior normal: z = 2 z0 - h_1, by each coordinate."""

    def call(self, inputs):
        z0, features = inputs
        log_det = tf.fill(tf.shape(z0)[:-1], z0.shape[-1] * np.log(2.0).astype("float32"))
        return 2.0 * z0 - features[:, :1], log_det


def test_bernoulli_log_prob_is_exact_where_pixels_are_certain():
    likelihood = tff.models.BernoulliLikelihood()
    logits = np.array([[-80.0, -1.0, 0.0, 2.0, 60.0]])
    for images in (np.zeros((1, 5)), np.ones((1, 5))):
        expected = np.sum(images * logits - np.logaddexp(0.0, logits), axis=-1)
        images, outputs = tf.constant(images, "float32"), tf.constant(logits, "float32")
        actual = image_log_prob(likelihood, images, outputs, 1)
        np.testing.assert_allclose(actual, expected, rtol=1e-6)
    certain = image_log_prob(likelihood, tf.ones([1]), tf.constant([30.0]), 1)
    np.testing.assert_allclose(certain, -np.log1p(np.exp(-30.0)), rtol=1e-5)


def test_sampled_kl_is_the_difference_of_log_densities(rng):
    noise, loc, log_scale, shift = rng.normal(size=(4, 7, 3))
    z0 = loc + np.exp(log_scale) * noise
    z, log_det = 3.0 * z0 + shift, np.full(7, 3 * np.log(3.0))
    log_q = scipy.stats.norm.logpdf(z0, loc, np.exp(log_scale)).sum(-1) - log_det
    log_p = scipy.stats.norm.logpdf(z).sum(-1)
    np.testing.assert_allclose(sampled_kl(noise, log_scale, z, log_det), log_q - log_p)


def test_log_mean_exp_does_not_underflow(rng):
    weights = -2_000.0 + 10.0 * rng.normal(size=(500, 4))
    expected = scipy.special.logsumexp(weights, axis=0) - np.log(500)
    np.testing.assert_allclose(log_mean_exp(weights), expected, rtol=1e-12)


def exact_log_likelihood(model, images):
    """log p(x) of a one-dimensional latent space by quadrature, in float64."""
    z = np.linspace(-8.0, 8.0, 4_001)
    logits = model.decode_logits(tf.constant(z[:, np.newaxis], tf.float32)).numpy()
    logits = logits.reshape([len(z), -1]).astype(np.float64)
    flat = images.reshape([len(images), -1])
    log_joint = flat @ logits.T - np.logaddexp(0.0, logits).sum(-1)
    log_joint += scipy.stats.norm.logpdf(z)
    return scipy.special.logsumexp(log_joint, axis=-1) + np.log(z[1] - z[0])


@pytest.mark.parametrize("flow", [None, Affine()], ids=["none", "affine"])
def test_bounds_against_quadrature(digits, flow):
    model = tff.models.FlowVAE(1, (8, 8), flow=flow, binarization="fixed", seed=3)
    images = digits[:20]
    exact = exact_log_likelihood(model, images > 0.5)
    importance = model.importance_log_likelihood(images, 5_000, batch_size=20, seed=1)
    np.testing.assert_allclose(importance, exact, atol=0.04)
    elbo = model.elbo(images, num_samples=2_000, seed=1)
    assert np.all(elbo < exact)
    few = model.importance_log_likelihood(images, 10, seed=1)
    assert np.mean(elbo) < np.mean(few) < np.mean(exact) + 0.02


def test_elbo_with_an_analytic_kl(digits):
    model = tff.models.FlowVAE(3, (8, 8), flow=Affine(), binarization="fixed", seed=0)
    images = tf.constant(digits[:5] > 0.5, tf.float32)
    loc, log_scale, features = (part.numpy() for part in model.posterior(images))
    loc, scale = 2.0 * loc - features[:, :1], 2.0 * np.exp(log_scale)
    exact = np.sum(0.5 * (loc**2 + scale**2 - 1.0) - np.log(scale), axis=-1)
    _, kl = model.bound_terms(images, num_samples=4_000, seed=(0, 1))
    np.testing.assert_allclose(np.mean(kl, axis=0), exact, rtol=0.05)


@pytest.mark.parametrize(
    "flow",
    [
        tff.layers.SharedPlanar(4, init_scale=0.7, seed=0),
        tff.layers.AmortizedPlanar(4, init_scale=0.7, seed=0),
        tff.layers.AmortizedRadial(4, init_scale=0.7, seed=0),
        tff.layers.AmortizedSylvester(2, 2, init_scale=0.7, seed=0),
    ],
    ids=lambda flow: type(flow).__name__,
)
def test_posterior_density_of_a_flow_by_autodiff(digits, flow):
    # log q(z|x) - log p(z) against the Jacobian of z0 -> z.
    model = tff.models.FlowVAE(2, (8, 8), flow=flow, binarization="fixed", seed=0)
    images = tf.constant(digits[:6] > 0.5, tf.float32)
    seed = (0, 1)
    _, kl = model.bound_terms(images, num_samples=3, seed=seed)
    loc, log_scale, features = model.posterior(images)
    noise = numerics.stateless_normal([3, 6, 2], seed, tf.float32)
    z0 = loc + tf.exp(log_scale) * noise
    with tf.GradientTape(persistent=True) as tape:
        # One point per row of features, so that the Jacobian is a batch.
        flat = tf.reshape(z0, [-1, 2])
        tape.watch(flat)
        z, _ = model.transform(flat, tf.tile(features, [3, 1]))
    jacobian = tape.batch_jacobian(z, flat, experimental_use_pfor=False).numpy()
    log_det = np.linalg.slogdet(jacobian.astype(np.float64))[1]
    scale = np.exp(np.tile(log_scale, [3, 1]))
    log_q0 = scipy.stats.norm.logpdf(flat, np.tile(loc, [3, 1]), scale).sum(-1)
    expected = log_q0 - log_det - scipy.stats.norm.logpdf(z).sum(-1)
    np.testing.assert_allclose(np.reshape(kl, [-1]), expected, rtol=1e-4, atol=1e-4)


def test_likelihoods_do_not_depend_on_the_batch_size(digits):
    model = tff.models.FlowVAE(1, (8, 8), binarization="fixed", seed=3)
    # The first in several chunks of samples, the second in batches of images.
    whole = model.importance_log_likelihood(digits[:10], 1_200, batch_size=10, seed=1)
    parts = model.importance_log_likelihood(digits[:10], 1_200, batch_size=4, seed=2)
    np.testing.assert_allclose(whole, parts, atol=0.15)


def test_same_seed_same_numbers(digits):
    model = tff.models.FlowVAE(2, (8, 8), seed=0)
    for judge in (model.elbo, model.importance_log_likelihood):
        first = judge(digits[:10], num_samples=5, seed=4)
        np.testing.assert_array_equal(first, judge(digits[:10], num_samples=5, seed=4))
        assert np.all(first != judge(digits[:10], num_samples=5, seed=5))
    np.testing.assert_array_equal(model.sample(3, seed=1), model.sample(3, seed=1))
