"""ConditionalFlow: densities p(y | x), their samples, training and files."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.layers import AmortizedPlanar, AmortizedRadial, AmortizedSylvester
from tfp_flows.models import ConditionalFlow

LAYERS = pytest.mark.parametrize(
    "layer_class", [AmortizedPlanar, AmortizedRadial, AmortizedSylvester]
)


SHAPE = 0.6  # of a gamma variable, whose logarithm is the noise


def data(rng, size, event_size=1):
    """Location and scale of y depend on x `[N, 3]`, and are far from 0 and 1."""
    x = 5.0 + 2.0 * rng.normal(size=(size, 3))
    noise = np.log(rng.gamma(SHAPE, size=(size, event_size)))
    y = 100.0 + 10.0 * x[:, :1] + 8.0 * np.exp(0.3 * (x[:, 1:2] - 5.0)) * noise
    return x.astype("float32"), y.astype("float32")


def noise_of(x, y):
    """The noise of `data`, and the logarithm of its scale, `[N]`."""
    log_scale = np.log(8.0) + 0.3 * (x[:, 1] - 5.0)
    return (y[:, 0] - 100.0 - 10.0 * x[:, 0]) / np.exp(log_scale), log_scale


def build(layers=None, event_size=1, *, weights_seed=None, **kwargs):
    """A model; with `weights_seed`, of weights away from their initial values."""
    layers = AmortizedRadial(2, seed=0) if layers is None else layers
    model = ConditionalFlow(event_size, [3], layers, seed=1, **kwargs)
    if weights_seed is not None:
        rng = np.random.default_rng(weights_seed)
        for weight in model.trainable_weights:
            weight.assign(weight + 0.1 * rng.normal(size=weight.shape))
    return model


def compiled(*args, **kwargs):
    model = build(*args, **kwargs)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    return model


@LAYERS
@pytest.mark.parametrize(("invert", "event_size"), [(True, 2), (False, 1)])
def test_log_prob_by_the_definition(layer_class, invert, event_size, rng):
    x, y = data(rng, 20, event_size)
    layer = layer_class(3, seed=0, dtype="float64")
    model = build(layer, event_size, invert=invert, dtype="float64", weights_seed=2)
    model.adapt(x, y)
    h = model.network((x - x.mean(axis=0)) / x.std(axis=0))
    loc, scale = np.split(model.loc_and_scale(h).numpy(), 2, axis=-1)
    scale = np.log1p(np.exp(scale))
    v = ((y - y.mean(axis=0)) / y.std(axis=0) - loc) / scale
    z, log_det = layer([v, h]) if invert else layer.inverse([v, h])
    normal = np.sum(-0.5 * z.numpy() ** 2 - 0.5 * np.log(2 * np.pi), axis=-1)
    expected = normal + log_det - np.sum(np.log(scale * y.std(axis=0)), axis=-1)
    np.testing.assert_allclose(model.log_prob(x, y), expected, rtol=1e-5)
    samples = np.stack([y, y + 1.0])
    np.testing.assert_array_equal(
        model.log_prob(x, samples)[1], model.log_prob(x, y + 1.0)
    )


@pytest.mark.parametrize(
    ("layer_class", "invert"),
    [(AmortizedPlanar, True), (AmortizedRadial, False), (AmortizedSylvester, True)],
)
def test_samples_are_of_the_density(layer_class, invert, rng):
    x, y = data(rng, 200)
    model = build(layer_class(3, seed=0), invert=invert, weights_seed=3)
    model.adapt(x, y)
    samples = model.sample(x[:2], 6_000, seed=4)
    assert samples.shape == (6_000, 2, 1)
    grid = np.linspace(-1_000.0, 1_400.0, 4_001, dtype="float32")[:, np.newaxis]
    for index in range(2):
        density = np.exp(model.log_prob(x[index : index + 1], grid))
        below = np.cumsum(density) * (grid[1, 0] - grid[0, 0])
        assert below[-1] == pytest.approx(1.0, abs=2e-3)
        for point in (800, 1_800, 1_900, 2_000, 2_100, 2_200):
            found = np.mean(samples[:, index, 0] < grid[point, 0])
            assert found == pytest.approx(below[point], abs=0.03)
    np.testing.assert_array_equal(samples, model.sample(x[:2], 6_000, seed=4))
    first, second = model.sample(x[:2], 5), model.sample(x[:2], 5)
    assert np.all(first != second)


@pytest.mark.parametrize("layer_class", [AmortizedRadial, AmortizedSylvester])
def test_starts_near_the_normal_of_the_data(layer_class, rng):
    x, y = data(rng, 500)
    model = build(layer_class(4, seed=0))
    model.adapt(x, y)
    normal = -np.mean(tfp.distributions.Normal(y.mean(), y.std()).log_prob(y))
    assert -np.mean(model.log_prob(x, y)) == pytest.approx(normal, abs=0.2)
    assert np.mean(model.sample(x, 20, seed=0)) == pytest.approx(y.mean(), abs=10.0)


def test_default_directions():
    radial, planar = AmortizedRadial(1, seed=0), AmortizedPlanar(1, seed=0)
    assert not build([radial, AmortizedRadial(2, seed=0)]).invert
    for layers in ([radial, planar], [planar], []):
        assert build(layers).invert


def test_units_do_not_matter(rng):
    x, y = data(rng, 50)
    models = build(weights_seed=2), build(weights_seed=2)
    models[0].adapt(x, y)
    other_x = np.concatenate([-x[:, :2], 1e3 * x[:, 2:] + 7.0], axis=-1)
    constant = build()
    constant.adapt(np.ones_like(x), y)
    assert np.all(np.isfinite(constant.log_prob(np.ones_like(x), y)))
    models[1].adapt(
        tf.data.Dataset.from_tensor_slices((x, 1e3 * y[:, 0] - 5.0)).batch(16)
    )
    density = models[1].log_prob(x, 1e3 * y - 5.0)
    np.testing.assert_allclose(density, models[0].log_prob(x, y) - np.log(1e3), atol=1e-3)
    models[1].adapt(other_x * [-1, -1, 1], y)
    np.testing.assert_allclose(
        models[1].log_prob(other_x * [-1, -1, 1], y),
        models[0].log_prob(x, y),
        atol=1e-3,
    )


def test_one_weighted_step_is_one_of_gradient_descent(rng):
    x, y = data(rng, 30)
    weights = rng.uniform(size=30).astype("float32")
    model, reference = compiled(), build()
    for made in (model, reference):
        made.adapt(x, y)
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(weights * reference.log_prob(x, y))
    gradients = tape.gradient(loss, reference.trainable_weights)
    history = model.fit(x, y, sample_weight=weights, batch_size=30, verbose=0).history
    assert history["loss"] == [pytest.approx(loss)]
    assert history["nll"] == [pytest.approx(loss / np.mean(weights))]
    for ours, start, gradient in zip(
        model.trainable_weights, reference.trainable_weights, gradients, strict=True
    ):
        np.testing.assert_allclose(ours, start - 0.1 * gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_learns_more_than_location_and_scale(rng):
    x, y = data(rng, 3_000)
    held_out = data(rng, 1_000)
    model = build(AmortizedSylvester(2, seed=0))
    model.adapt(x, y)
    model.compile(keras.optimizers.Adam(0.02), jit_compile=False)
    keras.utils.set_random_seed(0)
    history = model.fit(
        x, y, validation_data=held_out, batch_size=200, epochs=4, verbose=0
    ).history
    assert set(history) == {"loss", "nll", "val_loss", "val_nll"}
    nll = history["val_nll"][-1]
    found = model.evaluate(*held_out, batch_size=200, verbose=0)
    assert found == pytest.approx([nll] * 2)
    assert -np.mean(model.log_prob(*held_out)) == pytest.approx(nll, rel=1e-5)
    noise, log_scale = noise_of(*held_out)
    truth = -np.mean(tfp.distributions.ExpGamma(SHAPE, 1.0).log_prob(noise) - log_scale)
    normal = tfp.distributions.Normal(np.mean(noise), np.std(noise))
    best_normal = -np.mean(normal.log_prob(noise) - log_scale)
    assert best_normal > truth + 0.1
    assert truth - 0.02 < nll < truth + 0.08


class Batches(keras.utils.PyDataset):
    """Two batches."""

    def __init__(self, *arrays):
        super().__init__()
        self.arrays = arrays

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return tuple(a[20 * index : 20 * index + 20] for a in self.arrays)


def dataset(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays).batch(20)


def test_sources(rng):
    x, y = data(rng, 40)
    weights = rng.uniform(size=40).astype("float32")
    losses = []
    for arguments in (
        dict(x=x, y=y[:, 0], sample_weight=weights, batch_size=20),
        dict(x=dataset(x, y, weights)),
        dict(x=Batches(x, y, weights)),
    ):
        model = compiled()
        model.adapt(x, y)
        history = model.fit(**arguments, shuffle=False, verbose=0).history
        losses += history["loss"]
    assert losses[1:] == pytest.approx(losses[:1] * 2)


@keras.saving.register_keras_serializable(package="test_conditional_flow")
class Flattened(keras.layers.Layer):
    """A network of users' own, of images, with dropout."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense, self.dropout = keras.layers.Dense(6), keras.layers.Dropout(0.5)

    def build(self, input_shape):
        self.dense.build((None, 8))
        self.built = True

    def call(self, x, training=False):
        h = self.dense(tf.reshape(x, [-1, 8]))
        return self.dropout(h, training=training)

    def compute_output_shape(self, input_shape):
        return input_shape[0], 6


@pytest.mark.slow
def test_files_networks_of_images_and_mixed_precision(rng, tmp_path):
    x = rng.normal(size=(40, 4, 2)).astype("float32")
    y = rng.normal(size=(40, 2)).astype("float32")
    dtype = "mixed_float16"
    layers = [AmortizedRadial(1, seed=0), AmortizedRadial(1, seed=1)]
    network = Flattened(dtype=dtype)
    settings = dict(network=network, invert=False, seed=3, dtype=dtype)
    model = ConditionalFlow(2, [4, 2], layers, **settings)
    model.adapt(x, y)
    model.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
    start = model.get_weights()
    history = model.fit(x, y, batch_size=20, epochs=2, verbose=0).history
    assert np.all(np.isfinite(history["nll"]))
    changed = [np.any(a != b) for a, b in zip(start, model.get_weights(), strict=True)]
    assert sum(changed) >= len(model.trainable_weights)
    assert model.log_prob(x, y).dtype == model.sample(x, 2).dtype == tf.float32
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert (loaded.invert, loaded.x_shape) == (False, (4, 2))
    np.testing.assert_array_equal(loaded.log_prob(x, y), model.log_prob(x, y))
    np.testing.assert_array_equal(loaded.sample(x, 3, seed=0), model.sample(x, 3, seed=0))
    np.testing.assert_array_equal(loaded.optimizer.iterations, 4)


@pytest.mark.slow
def test_saved_model_and_predict(rng, tmp_path):
    x, y = data(rng, 10)
    model = compiled()
    model.adapt(x, y)
    expected = model.log_prob(x, y)
    np.testing.assert_allclose(model.predict([x, y], verbose=0), expected, rtol=1e-5)
    model.export(tmp_path / "exported", verbose=False)
    served = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(served.serve([x, y]), expected, rtol=1e-5)
