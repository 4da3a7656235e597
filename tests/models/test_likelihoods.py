"""Likelihoods of `FlowVAE`: the bound by NumPy, training, files, ranges of data."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

import tfp_flows as tff
from tfp_flows import numerics
from tfp_flows.models import (
    BernoulliLikelihood,
    CategoricalLikelihood,
    GaussianLikelihood,
    Likelihood,
)

SHAPE = (3, 4)


@keras.saving.register_keras_serializable(package="test_likelihoods")
class Laplace(Likelihood):
    """One of a user's own: location and log scale of each pixel from the decoder."""

    num_outputs = 2

    def check_dtype(self, dtype):
        assert dtype.is_floating

    def check_values(self, values):
        assert np.all(np.isfinite(values))

    def log_prob(self, images, outputs):
        loc, log_scale = tf.unstack(outputs, axis=-1)
        return -tf.abs(images - loc) * tf.exp(-log_scale) - log_scale - np.log(2.0)

    def mean(self, outputs):
        return outputs[..., 0]

    def sample(self, outputs, seed):
        raise NotImplementedError


def categorical_log_prob(x, outputs):
    log_p = scipy.special.log_softmax(outputs, axis=-1)
    return np.take_along_axis(log_p, x[..., np.newaxis], axis=-1)[..., 0]


# Argument, images of intensities, and log p of pixels.
CASES = {
    "bernoulli": (
        "bernoulli",
        lambda x: np.round(x),
        lambda x, out: scipy.stats.bernoulli.logpmf(x, scipy.special.expit(out)),
    ),
    "gaussian": (
        GaussianLikelihood(0.7),
        lambda x: 2.0 * x - 1.0,
        lambda x, out: scipy.stats.norm.logpdf(x, out, 0.7),
    ),
    "categorical": (
        CategoricalLikelihood(5),
        lambda x: np.round(4 * x).astype("uint8"),
        categorical_log_prob,
    ),
    "own": (
        Laplace(),
        lambda x: x,
        lambda x, out: scipy.stats.laplace.logpdf(x, out[..., 0], np.exp(out[..., 1])),
    ),
}


@pytest.fixture(params=CASES)
def case(request, rng):
    """A model with small networks of its own, images for it, and log p of pixels."""
    argument, quantise, log_prob = CASES[request.param]
    if isinstance(argument, Likelihood):
        argument = type(argument).from_config(argument.get_config())
    size = 12 * getattr(argument, "num_outputs", 1)
    model = tff.models.FlowVAE(
        2,
        SHAPE,
        encoder=keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4)]),
        decoder=keras.Sequential([keras.Input((2,)), keras.layers.Dense(size)]),
        flow=tff.layers.AmortizedPlanar(2, seed=0),
        likelihood=argument,
        seed=0,
    )
    images = quantise(rng.beta(2.0, 5.0, size=(20, *SHAPE)).astype("float32"))
    return model, images, log_prob


def test_bound_by_numpy(case):
    model, images, log_prob = case
    log_likelihood, kl = model.bound_terms(images, num_samples=3, seed=(0, 1))
    seen = images / 4 if images.dtype == np.uint8 else images
    kernel, bias = (w.numpy() for w in model.encoder.weights)
    features = seen.reshape(20, 12) @ kernel + bias
    loc, log_scale = (
        features @ head.kernel.numpy() + head.bias.numpy()
        for head in (model.loc, model.log_scale)
    )
    noise = numerics.stateless_normal([3, 20, 2], (0, 1), tf.float32)
    z0 = loc + np.exp(log_scale) * noise
    z, log_det = (part.numpy() for part in model.flow([z0, features]))
    kernel, bias = (w.numpy() for w in model.decoder.weights)
    outputs = np.squeeze((z @ kernel + bias).reshape(3, 20, *SHAPE, -1))
    pixels = log_prob(np.broadcast_to(images, (3, *images.shape)), outputs)
    np.testing.assert_allclose(log_likelihood, pixels.sum((-1, -2)), rtol=1e-4, atol=1e-4)
    log_q = scipy.stats.norm.logpdf(z0, loc, np.exp(log_scale)).sum(-1) - log_det
    expected = log_q - scipy.stats.norm.logpdf(z).sum(-1)
    np.testing.assert_allclose(kl, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", ["gaussian", "categorical"], indirect=True)
def test_training_files_and_queries(case, tmp_path):
    model, images, _ = case
    model.compile(keras.optimizers.Adam(0.05), run_eagerly=True)
    start = model.get_weights()
    losses = model.fit(images, batch_size=20, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0] - 1.0
    for old, weight in zip(start, model.weights, strict=True):
        assert np.any(old != weight.numpy()), weight.path
    for shown in (model(images[:2]), model.sample(2, seed=0), model.latent_grid(2)[1][0]):
        assert shown.shape == (2, *SHAPE)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.likelihood.get_config() == model.likelihood.get_config()
    terms = [m.bound_terms(images, seed=(0, 1)) for m in (model, loaded)]
    np.testing.assert_array_equal(*terms)


@pytest.mark.parametrize(
    "likelihood",
    [BernoulliLikelihood(), GaussianLikelihood(0.3), CategoricalLikelihood(3)],
)
def test_samples_have_the_mean(likelihood, rng):
    likelihood.build(())
    shape = (4,) if likelihood.num_outputs == 1 else (4, likelihood.num_outputs)
    outputs = tf.constant(rng.normal(size=shape), tf.float32)
    tiled = tf.repeat(outputs[tf.newaxis], 20_000, axis=0)
    samples = likelihood.sample(tiled, (0, 1)).numpy()
    assert samples.dtype == (likelihood.image_dtype or tf.float32)
    np.testing.assert_allclose(samples.mean(0), likelihood.mean(outputs), atol=0.03)
    values = {1: {0, 1}, 3: {0, 1, 2}}[likelihood.num_outputs]
    if isinstance(likelihood, GaussianLikelihood):
        np.testing.assert_allclose(samples.std(0), 0.3, atol=0.01)
    else:
        assert set(np.unique(samples)) == values


def test_samples_of_a_model_are_images_for_it():
    model = tff.models.FlowVAE(2, SHAPE, likelihood=CategoricalLikelihood(4), seed=0)
    drawn = model.sample(50, mean=False, seed=0)
    np.testing.assert_array_equal(drawn, model.sample(50, mean=False, seed=0))
    model.examples.check_array("fit", drawn)
    means = model.sample(50, seed=0)
    assert np.mean(drawn) == pytest.approx(np.mean(means), abs=0.1)


def test_a_given_scale_stays():
    likelihood = GaussianLikelihood(0.2, trainable=False)
    model = tff.models.FlowVAE(1, SHAPE, likelihood=likelihood, seed=0)
    assert not any(w is likelihood.log_scale for w in model.trainable_weights)
    assert any(w is likelihood.log_scale for w in model.weights)
    assert float(likelihood.scale) == pytest.approx(0.2)


FLOATS, BYTES = np.zeros([4, *SHAPE], np.float32), np.full([4, *SHAPE], 9, np.uint8)


@pytest.mark.parametrize(
    ("likelihood", "images", "error", "message"),
    [
        ("gaussian", BYTES, TypeError, "floating-point images, but got uint8"),
        ("gaussian", FLOATS + np.inf, ValueError, "that are NaN or infinite"),
        (CategoricalLikelihood(9), FLOATS, TypeError, "levels 0 to 8, but got float32"),
        (CategoricalLikelihood(9), BYTES, ValueError, "from 0 to 8, .* from 9 to 9"),
    ],
)
def test_bad_images(likelihood, images, error, message):
    model = tff.models.FlowVAE(1, SHAPE, likelihood=likelihood, seed=0)
    model.compile(run_eagerly=True)
    dataset = tf.data.Dataset.from_tensor_slices(images).batch(2)
    for use in (model.fit, model.elbo, lambda x: model.fit(dataset, verbose=0)):
        with pytest.raises(error, match=message):
            use(images)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(likelihood="poisson"), ValueError, "'poisson'.*bernoulli, gaussian"),
        (dict(likelihood=keras.layers.Dense(1)), TypeError, "`likelihood` must be"),
        (
            dict(likelihood="gaussian", binarization="fixed"),
            ValueError,
            "'fixed' makes images binary .* GaussianLikelihood; leave it out",
        ),
        (
            dict(likelihood=CategoricalLikelihood(4), decoder=keras.layers.Dense(12)),
            ValueError,
            r"shape \(3, 4, 4\), for images .* give it 48 outputs",
        ),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        tff.models.FlowVAE(1, SHAPE, **arguments)


def test_bad_numbers():
    with pytest.raises(ValueError, match="`scale` must be a finite number > 0"):
        GaussianLikelihood(0.0)
    with pytest.raises(ValueError, match="`num_levels` must be an integer of at least 2"):
        CategoricalLikelihood(1)
