"""Parts, images, samples and maps of a `FlowVAE`, and what it refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows as tff
from tfp_flows.models.images import binarize


@pytest.fixture(scope="module")
def model():
    return tff.models.FlowVAE(2, (8, 8), seed=0)


@pytest.mark.parametrize(
    ("kind", "image_shape"),
    [
        ("mlp", (8, 12)),
        ("mlp", (8, 8, 3)),
        ("gated_conv", (12, 8)),
        ("gated_conv", (8, 8, 3)),
    ],
)
def test_networks_keep_the_shape_of_images(image_shape, kind):
    model = tff.models.FlowVAE(3, image_shape, encoder=kind, decoder=kind, seed=0)
    images = np.zeros((2, *image_shape), np.float32)
    assert model(images).shape == images.shape
    assert model.encode(images).shape == (2, 3)
    assert model.decode(np.zeros((4, 5, 3))).shape == (4, 5, *image_shape)


def test_mlp_has_the_sizes_of_the_follow_up_project():
    model = tff.models.FlowVAE(20, (28, 28), seed=0)
    kernels = [tuple(w.shape) for w in model.trainable_weights if len(w.shape) == 2]
    assert sorted(kernels) == sorted(
        [(784, 512), (512, 256), (256, 20), (256, 20), (20, 256), (256, 512), (512, 784)]
    )


def test_gated_convolution_is_a_product_with_a_gate(rng):
    encoder = tff.models.gated_conv_encoder((4, 4), num_features=6, seed=0)
    last = encoder.layers[-1]
    product = last.input._keras_history.operation
    linear, gate = (t._keras_history.operation for t in product.input)
    assert (linear.activation, gate.activation) == (
        keras.activations.linear,
        keras.activations.sigmoid,
    )
    x = rng.normal(size=(2, 1, 1, 64)).astype(np.float32)
    expected = (x @ linear.kernel[0, 0]) / (1.0 + np.exp(-(x @ gate.kernel[0, 0])))
    np.testing.assert_allclose(product([linear(x), gate(x)]), expected, rtol=1e-4)


def test_initial_weights_follow_the_seed(model):
    same, other = (tff.models.FlowVAE(2, (8, 8), seed=seed) for seed in (0, 1))
    for a, b, c in zip(model.weights, same.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)
        assert len(a.shape) < 2 or np.any(a.numpy() != c.numpy())
    kernels = [w.numpy().ravel()[:4] for w in model.weights if len(w.shape) == 2]
    assert len({tuple(k) for k in kernels}) == len(kernels)


def test_dynamic_binarization_has_the_intensities_as_means():
    intensities = tf.constant([0.0, 0.1, 0.5, 0.9, 1.0])
    draws = binarize(tf.tile(intensities[tf.newaxis], [4_000, 1]), "dynamic", (0, 1))
    assert set(np.unique(draws)) == {0.0, 1.0}
    means = np.mean(draws, axis=0)
    assert (means[0], means[-1]) == (0.0, 1.0)
    np.testing.assert_allclose(means, intensities, atol=0.03)
    fixed = binarize(intensities, "fixed")
    np.testing.assert_array_equal(fixed, [0, 0, 0, 1, 1])
    np.testing.assert_array_equal(binarize(intensities, None), intensities)


def test_latent_grid_is_the_decoder_on_the_prior_quantiles(model):
    axis, images = model.latent_grid(5, coverage=0.9)
    assert images.shape == (5, 5, 8, 8)
    cdf = 0.5 * (1.0 + tf.math.erf(axis / np.sqrt(2.0)))
    np.testing.assert_allclose(cdf, np.linspace(0.05, 0.95, 5), rtol=1e-5)
    z = np.array([axis[3], axis[1]])
    np.testing.assert_allclose(images[1, 3], model.decode(z), rtol=1e-4)


def test_latent_grid_needs_two_dimensions():
    with pytest.raises(ValueError, match="latent_size is 3"):
        tff.models.FlowVAE(3, (8, 8)).latent_grid()


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((3, 8, 8), np.uint8), TypeError, "uint8; divide"),
        (np.full((3, 8, 8), 16.0), ValueError, "16.0; rescale"),
        (np.full((3, 8, 8), -0.5), ValueError, "-0.5"),
        (np.full((3, 8, 8), np.nan), ValueError, "nan"),
        (np.zeros((3, 64)), ValueError, r"\(8, 8\).*\(3, 64\)"),
    ],
)
def test_bad_images_fail_before_any_work(model, images, error, message):
    model.compile()
    for use in (
        model.fit,
        model.evaluate,
        model.encode,
        lambda x: model.fit(np.zeros((3, 8, 8), np.float32), validation_data=(x,)),
        lambda x: model.importance_log_likelihood(x, seed=0),
    ):
        with pytest.raises(error, match=message):
            use(images)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (dict(latent_size=0), ValueError, "latent_size.*0"),
        (dict(image_shape=(8, 0)), ValueError, "image_shape.*0"),
        (dict(latent_size=10**9), ValueError, r"would have [\d,]+ weights, more than"),
        (dict(image_shape=(10**6, 10**6)), ValueError, r"[\d,]+ weights, more than"),
        (
            dict(image_shape=(4, 10**9), encoder="gated_conv"),
            ValueError,
            r"A convolution would have [\d,]+ weights, more than",
        ),
        (dict(binarization="random"), ValueError, "'random'.*'dynamic'"),
        (dict(encoder="cnn"), ValueError, "'cnn'.*mlp, gated_conv"),
        (dict(decoder=3), TypeError, "decoder.*3"),
        (dict(flow="planar"), TypeError, "AmortizedPlanar.*'planar'"),
        (dict(encoder=keras.layers.Dense(3)), ValueError, "Flatten"),
        (dict(decoder=keras.layers.Dense(3)), ValueError, "64 outputs"),
        (dict(image_shape=(9, 8), encoder="gated_conv"), ValueError, "divisible by 4"),
    ],
)
def test_bad_parts_are_refused(changes, error, message):
    arguments = dict(latent_size=2, image_shape=(8, 8), seed=0) | changes
    with pytest.raises(error, match=message):
        tff.models.FlowVAE(**arguments)
