"""`fit` and `evaluate` with everything that Keras offers around them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows as tff


def build(**changes):
    settings = dict(binarization="fixed", seed=0) | changes
    return tff.models.FlowVAE(2, (8, 8), **settings)


FLOWS = {
    "none": lambda: None,
    "shared planar": lambda: tff.layers.SharedPlanar(3, seed=0),
    "planar": lambda: tff.layers.AmortizedPlanar(3, seed=0),
    "radial": lambda: tff.layers.AmortizedRadial(3, seed=0),
    "orthogonal": lambda: tff.layers.AmortizedSylvester(2, 2, seed=0),
    "householder": lambda: tff.layers.AmortizedSylvester(2, form="householder", seed=0),
    "triangular": lambda: tff.layers.AmortizedSylvester(2, form="triangular", seed=0),
}


def compiled(model, **mode):
    model.compile(keras.optimizers.Adam(1e-3), **mode or dict(run_eagerly=True))
    return model


def fit(model, images, **changes):
    settings = dict(batch_size=50, epochs=2, verbose=0, shuffle=False) | changes
    return model.fit(images, **settings)


@pytest.fixture(scope="module")
def losses(digits):
    """The losses of a plain fit, which others must repeat."""
    return fit(compiled(build()), digits).history["loss"]


def test_training_raises_the_bound_and_reports_its_terms(digits):
    model = compiled(build())
    before = model.evaluate(digits, verbose=0, return_dict=True)
    history = fit(model, digits, epochs=4, validation_data=(digits[:50],)).history
    names = {"loss", "elbo", "reconstruction", "kl", "beta"}
    assert set(history) == names | {f"val_{name}" for name in names}
    assert history["val_elbo"][-1] > before["elbo"] + 10
    np.testing.assert_allclose(history["loss"], -np.array(history["elbo"]), rtol=1e-5)
    difference = np.array(history["reconstruction"]) - np.array(history["kl"])
    np.testing.assert_allclose(history["elbo"], difference, rtol=1e-5)


def test_evaluate_is_the_mean_elbo_and_repeats(digits):
    model = compiled(build(binarization="dynamic"))
    first = model.evaluate(digits[:151], verbose=0, return_dict=True)
    second = model.evaluate(digits[:151], verbose=0, return_dict=True)
    assert first == second
    elbo = model.elbo(digits[:151], num_samples=20, seed=0)
    assert first["elbo"] == pytest.approx(np.mean(elbo), abs=1.5)
    assert first["loss"] == pytest.approx(-first["elbo"])
    # The second batch, of the same images, has noise of its own.
    twice = np.concatenate([digits[:50], digits[:50]])
    means = [model.evaluate(x, batch_size=50, verbose=0)[0] for x in (twice, digits[:50])]
    assert abs(means[0] - means[1]) > 1e-3


@pytest.mark.slow
def test_the_noise_of_training_follows_the_seed(digits, losses):
    other = build(seed=1)
    other.set_weights(build().get_weights())
    assert fit(compiled(other), digits, epochs=1).history["loss"] != losses[:1]


def test_every_step_has_noise_of_its_own(digits):
    model = build()
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    losses = fit(model, digits, batch_size=len(digits)).history["loss"]
    assert abs(losses[0] - losses[1]) > 1e-3


@pytest.mark.parametrize(
    "flow",
    [
        pytest.param(name, marks=pytest.mark.slow) if name == "triangular" else name
        for name in FLOWS
    ],
)
def test_every_weight_gets_a_gradient(digits, flow):
    model = build(flow=FLOWS[flow]())
    with tf.GradientTape() as tape:
        log_likelihood, kl = model.bound_terms(digits[:20], seed=(0, 1))
        loss = tf.reduce_mean(kl - log_likelihood)
    for variable, gradient in zip(
        model.trainable_variables,
        tape.gradient(loss, model.trainable_variables),
        strict=True,
    ):
        assert gradient is not None, variable.path
        assert np.any(gradient != 0), variable.path


@pytest.mark.slow
def test_jit_compile_trains_to_the_same_bound(digits, losses):
    # XLA draws other noise: equal up to that.
    history = fit(compiled(build(), jit_compile=True), digits).history
    np.testing.assert_allclose(history["loss"], losses, atol=0.7)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "float64"])
def test_dtype_policies(digits, policy):
    flow = tff.layers.AmortizedPlanar(3, seed=0, dtype=policy)
    model = compiled(build(flow=flow, dtype=policy))
    history = fit(model, digits[:100]).history
    assert np.all(np.isfinite(history["loss"]))
    assert history["loss"][-1] < history["loss"][0]
    for variable in model.trainable_variables:
        assert np.all(np.isfinite(variable.numpy())), variable.path
    expected = "float64" if policy == "float64" else "float32"
    images = tf.constant(digits[:3], expected)
    assert {t.dtype.name for t in model.bound_terms(images, seed=(0, 1))} == {expected}
    assert np.all(np.isfinite(model.importance_log_likelihood(digits[:5], 10, seed=0)))


def test_data_from_tf_data_is_the_data_from_arrays(digits, losses):
    images = tf.data.Dataset.from_tensor_slices(digits).batch(50)
    model = compiled(build())
    history = model.fit(images, epochs=2, verbose=0, shuffle=False).history
    np.testing.assert_allclose(history["loss"], losses)
    with_labels = images.map(lambda batch: (batch, tf.zeros(50)))
    results = [
        model.evaluate(data, batch_size=size, verbose=0, return_dict=True)
        for data, size in ((digits, 50), (with_labels, None))
    ]
    assert results[0] == results[1]


@pytest.mark.slow
def test_under_a_strategy_with_several_steps_per_execution(digits, losses):
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        model = compiled(build(), steps_per_execution=3, jit_compile=False)
    np.testing.assert_allclose(fit(model, digits).history["loss"], losses, rtol=1e-5)
    assert np.isfinite(model.evaluate(digits[:100], verbose=0, return_dict=True)["elbo"])


def test_a_step_is_traced_once(digits, monkeypatch):
    model = compiled(build(), jit_compile=False)
    traces = []

    def step_terms(*args, training, step_terms=model.step_terms):
        traces.append(training)
        return step_terms(*args, training=training)

    monkeypatch.setattr(model, "step_terms", step_terms)
    fit(model, digits)
    assert traces == [True]


def test_sample_weights(digits):
    weights = np.zeros(len(digits), np.float32)
    weights[:100] = 1.0
    model = compiled(build())
    data = tf.data.Dataset.from_tensor_slices((digits, digits, weights)).batch(100)
    weighted = model.evaluate(data, verbose=0, return_dict=True)["elbo"]
    alone = model.evaluate(digits[:100], batch_size=100, verbose=0, return_dict=True)
    assert weighted == pytest.approx(alone["elbo"], rel=1e-5)


def test_regularizers_of_a_given_encoder_count(digits):
    encoder = keras.Sequential(
        [keras.layers.Flatten(), keras.layers.Dense(5, kernel_regularizer="l2")]
    )
    result = compiled(build(encoder=encoder)).evaluate(
        digits[:50], verbose=0, return_dict=True
    )
    penalty = 0.01 * np.sum(encoder.layers[-1].kernel.numpy() ** 2)
    assert result["loss"] + result["elbo"] == pytest.approx(penalty, rel=1e-3)


def test_compile_refuses_a_loss():
    with pytest.raises(TypeError, match=r"argument loss: its loss .* of its own bound"):
        build().compile("adam", loss="mse")
    with pytest.raises(TypeError, match="argument metrics"):
        build().compile("adam", metrics=["mse"])
