"""FlowModel: what compile and fit do, on data and on a density."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff
from tfp_flows.layers import SharedPlanar, SharedRadial, SharedSylvester
from tfp_flows.models import FlowModel

tfd = tfp.distributions
ENTROPY = 0.5 * 2 * (1.0 + np.log(2.0 * np.pi))  # of a standard normal, D = 2


def crescent(rng, size):
    x = rng.normal(size=(size, 2))
    return np.stack([x[:, 0], 0.5 * x[:, 1] + 0.4 * (x[:, 0] ** 2 - 1.0)], -1).astype(
        "f4"
    )


def crescent_log_prob(x):
    rest = (x[..., 1] - 0.4 * (x[..., 0] ** 2 - 1.0)) / 0.5
    return -0.5 * (x[..., 0] ** 2 + rest**2)


CRESCENT_LOG_NORMALIZER = np.log(2.0 * np.pi * 0.5)


def planar_model(num_layers=4, **kwargs):
    return FlowModel(2, SharedPlanar(num_layers, seed=0), seed=1, **kwargs)


def test_one_step_on_data_is_one_step_of_gradient_descent(rng):
    x = crescent(rng, 50)
    model, reference = planar_model(), planar_model()
    with tf.GradientTape() as tape:
        nll = -tf.reduce_mean(reference.distribution().log_prob(x))
    gradients = tape.gradient(nll, reference.trainable_weights)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    history = model.fit(x, batch_size=50, verbose=0).history
    assert history == {"loss": [pytest.approx(nll)], "nll": [pytest.approx(nll)]}
    for ours, start, gradient in zip(
        model.weights, reference.weights, gradients, strict=True
    ):
        np.testing.assert_allclose(ours, start - 0.1 * gradient, rtol=1e-4, atol=1e-6)


class Scaled(keras.layers.Layer):
    """A flow layer by a bijector of TFP, which has a memory of its own."""

    def __init__(self, make_bijector):
        super().__init__()
        self.make_bijector = make_bijector

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones")
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape, input_shape[:-1]

    @property
    def bijector(self):
        return self.make_bijector(self.scale.value)


def inline_scale(scale):
    """A bijector that is no composite tensor."""
    return tfp.bijectors.Inline(
        forward_fn=lambda x: scale * x,
        inverse_fn=lambda y: y / scale,
        forward_log_det_jacobian_fn=lambda _: tf.reduce_sum(tf.math.log(scale)),
        forward_min_event_ndims=1,
    )


@pytest.mark.parametrize(
    "layers",
    [
        [SharedPlanar(2)],
        [SharedRadial(2)],
        [SharedSylvester(2, 1), Scaled(tfp.bijectors.ScaleMatvecDiag)],
        [Scaled(tfp.bijectors.ScaleMatvecDiag)],
        [SharedPlanar(2), Scaled(inline_scale)],
    ],
    ids=["planar", "radial", "sylvester-scaled", "scaled", "planar-inline"],
)
def test_log_prob_of_a_held_tensor_follows_training(layers, rng):
    model = FlowModel(2, layers, seed=1)
    x = tf.constant(crescent(rng, 5))
    before = model.log_prob(x)
    for weight in model.weights:
        weight.assign(1.3 * weight + 0.05)
    after = model.log_prob(x)
    np.testing.assert_array_equal(after, model.log_prob(tf.identity(x)))
    assert np.all(after != before)
    assert model.distribution().trainable_variables


def test_maximum_likelihood(rng):
    x, held_out = crescent(rng, 2_000), crescent(rng, 950)
    model = FlowModel(2, [SharedRadial(1, seed=0), SharedPlanar(4, seed=0)], seed=1)
    model.compile(keras.optimizers.Adam(0.03), jit_compile=False)
    history = model.fit(
        x, validation_data=held_out, epochs=10, batch_size=100, verbose=0
    ).history
    assert set(history) == {"loss", "nll", "val_loss", "val_nll"}
    # The entropy of the density is the least value there is.
    least = ENTROPY + np.log(0.5)
    assert least - 0.1 < history["val_nll"][-1] < least + 0.15
    assert model.evaluate(held_out, batch_size=100, verbose=0) == pytest.approx(
        [history["val_nll"][-1]] * 2, rel=1e-5
    )
    density = model.predict(held_out, batch_size=100, verbose=0)
    assert density.shape == (950,)
    assert -np.mean(density) == pytest.approx(history["val_nll"][-1], rel=1e-5)
    np.testing.assert_allclose(np.mean(model.sample(5_000, seed=3), 0), [0, 0], atol=0.25)


@pytest.mark.slow
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: (x,)], ids=["x", "(x,)"])
def test_datasets(wrap, rng):
    x = crescent(rng, 80)
    by_array, by_dataset = (FlowModel(2, SharedRadial(2, seed=0)) for _ in range(2))
    for model in (by_array, by_dataset):
        model.compile("sgd", run_eagerly=True)
    data = tf.data.Dataset.from_tensor_slices(x).batch(20).map(wrap)
    arguments = dict(verbose=0, shuffle=False)
    first = by_array.fit(x, batch_size=20, validation_split=0.5, **arguments).history
    second = by_dataset.fit(
        data.take(2), validation_data=data.skip(2), **arguments
    ).history
    assert set(first) == set(second) == {"loss", "nll", "val_loss", "val_nll"}
    assert first["nll"] == pytest.approx(second["nll"])
    assert first["val_nll"] == pytest.approx(second["val_nll"])
    np.testing.assert_allclose(by_dataset.predict(data), by_dataset(x), rtol=1e-5)


def test_reverse_kl(rng):
    model = planar_model(4)
    model.compile(
        keras.optimizers.Adam(0.03),
        target_log_prob_fn=crescent_log_prob,
        jit_compile=True,
        steps_per_execution=50,
    )
    history = model.fit(steps_per_epoch=100, epochs=3, verbose=0).history
    assert set(history) == {"loss", "elbo"}
    assert history["loss"] == pytest.approx([-elbo for elbo in history["elbo"]])
    fit = tff.diagnostics.evaluate(
        model.distribution(), crescent_log_prob, num_samples=5_000, seed=0
    )
    assert CRESCENT_LOG_NORMALIZER - 0.15 < fit.elbo < CRESCENT_LOG_NORMALIZER
    model.run_eagerly = True
    result = model.evaluate(steps=10, verbose=0, return_dict=True)
    assert result["elbo"] == pytest.approx(fit.elbo, abs=0.05)
    # As the density is known, so is log q at points that are not samples of q.
    x = crescent(rng, 500)
    error = model.log_prob(x) - (crescent_log_prob(x) - CRESCENT_LOG_NORMALIZER)
    assert np.abs(np.mean(error)) < 0.2


def test_annealing_changes_the_loss_and_not_the_elbo():
    steps = []

    def half(step):
        steps.append(step.dtype)
        return 0.5

    normal = tfd.MultivariateNormalDiag(tf.zeros(2))
    model = FlowModel(2, SharedPlanar(2, init_scale=0.0, seed=0), seed=0)
    model.compile(
        keras.optimizers.SGD(0.0),
        target_log_prob_fn=normal.log_prob,
        annealing_fn=half,
        sample_size=2_000,
        jit_compile=False,
    )
    history = model.fit(steps_per_epoch=5, verbose=0).history
    assert history["elbo"] == [pytest.approx(0.0, abs=1e-4)]
    assert history["loss"] == [pytest.approx(-0.5 * ENTROPY, abs=0.05)]
    assert set(steps) == {tf.int32}
    # An evaluation is at weight 1.
    loss, _ = model.evaluate(steps=1, verbose=0)
    assert loss == pytest.approx(0.0, abs=1e-4)


def test_seeds():
    def losses(seed):
        model = FlowModel(2, SharedPlanar(2, seed=0), seed=seed)
        model.compile(
            keras.optimizers.SGD(0.0),
            target_log_prob_fn=crescent_log_prob,
            run_eagerly=True,
        )
        return model.fit(steps_per_epoch=2, epochs=2, verbose=0).history["loss"]

    first = losses(1)
    assert first == losses(1)
    assert first != losses(2)
    # The flow stands still: the samples are others at each step.
    assert abs(first[0] - first[1]) > 1e-3
    model = planar_model()
    np.testing.assert_array_equal(model.sample(3, seed=4), model.sample(3, seed=4))
    assert np.all(model.sample(3) != model.sample(3))


def test_every_weight_is_trained(rng):
    model = FlowModel(
        3,
        [
            SharedPlanar(2),
            SharedRadial(2),
            SharedSylvester(1, 2),
            SharedSylvester(1, form="triangular"),
        ],
    )
    assert len(model.trainable_weights) == 3 + 3 + 4 + 3
    assert {id(w.value) for w in model.weights} == {
        id(v) for v in model.distribution().trainable_variables
    }
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    before = model.get_weights()
    model.fit(rng.normal(size=(20, 3)), batch_size=20, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        assert np.any(old != new)


def test_distribution_is_live_and_a_tfp_distribution(rng, eagerly):
    model = planar_model()
    flow = model.distribution()
    assert (flow.batch_shape, flow.event_shape, flow.dtype) == ((), (2,), tf.float32)
    x = crescent(rng, 10)
    model.weights[0].assign_add(tf.ones_like(model.weights[0]))
    np.testing.assert_allclose(flow.log_prob(x), model(x), rtol=1e-5)
    before = model.get_weights()[0]
    tff.vi.fit_reverse_kl(
        flow, crescent_log_prob, num_steps=2, seed=0, progress_bar=False
    )
    assert np.any(model.get_weights()[0] != before)
    assert tff.diagnostics.injectivity_margin(flow).shape == (4,)


def test_double_precision(rng):
    model = FlowModel(2, SharedPlanar(3, seed=0, dtype="float64"), dtype="float64")
    x = rng.normal(size=(5, 2))
    assert model(x).dtype == model.sample(2).dtype == tf.float64
    flow = tff.planar_flow(2, 3, dtype=tf.float64)
    for variable in flow.trainable_variables:
        name = variable.name.split(":")[0]
        (weight,) = (w for w in model.weights if w.name == name)
        variable.assign(weight)
    np.testing.assert_allclose(model(x), flow.log_prob(x), rtol=1e-12)


def test_mixed_precision(rng):
    policy = "mixed_float16"
    model = FlowModel(2, SharedPlanar(3, seed=0, dtype=policy), dtype=policy, seed=0)
    # Without the scale of the loss, which Keras takes out again, SGD would stand still.
    model.compile(keras.optimizers.SGD(0.02), run_eagerly=True)
    x = crescent(rng, 200)
    losses = model.fit(x, batch_size=200, epochs=6, verbose=0).history["loss"]
    assert np.all(np.isfinite(losses))
    assert losses[-1] < losses[0] - 0.02
    assert all(np.all(np.isfinite(w)) for w in model.get_weights())
