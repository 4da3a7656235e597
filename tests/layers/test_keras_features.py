"""What Keras asks of a layer: configuration, files, precision, XLA, strategies."""

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import layers


def functional_model(case, **kwargs):
    inputs = case.symbolic_inputs()
    return keras.Model(inputs, case.make(seed=0, **kwargs)(inputs))


def test_config_round_trip(case, rng):
    layer = case.make(seed=4, init_scale=0.2, name="flow", dtype="float64")
    copy = type(layer).from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    assert (copy.name, copy.num_layers, copy.seed) == ("flow", 3, 4)
    inputs = case.inputs(rng)
    for ours, theirs in zip(layer(inputs), copy(inputs), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_functional_model_is_saved_to_identical_outputs(case, rng, scramble, tmp_path):
    model = functional_model(case)
    assert [tuple(output.shape) for output in model.outputs] == [(None, 4), (None,)]
    scramble(model.layers[-1], rng)
    inputs = case.inputs(rng, dtype="float32")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = functional_model(case)
    fresh.load_weights(tmp_path / "model.weights.h5")
    for copy in (loaded, fresh):
        for ours, theirs in zip(model(inputs), copy(inputs), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_output_shapes_are_known_before_building(case):
    layer = case.make()
    shape = (None, 7, 4)
    shapes = [shape, (7, 5)] if case.amortized else shape
    assert layer.compute_output_shape(shapes) == ((None, 7, 4), (None, 7))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", ["AmortizedPlanar", "SharedRadial"])
def test_mixed_precision(name, policy, every_case, rng):
    case = every_case[name]
    model = functional_model(case, dtype=policy)
    inputs = tf.nest.map_structure(
        tf.constant, case.inputs(rng, batch=64, dtype="float32")
    )
    with tf.GradientTape() as tape:
        y, log_det = model(inputs)
        loss = tf.reduce_mean(y**2) - tf.reduce_mean(log_det)
    assert y.dtype == log_det.dtype == tf.float32
    assert all(weight.dtype == "float32" for weight in model.weights)
    for gradient in tape.gradient(loss, model.trainable_weights):
        assert np.all(np.isfinite(gradient))
    # The flow runs in float32: half precision is in the encoder's map alone, whose
    # parameters have 11 or 8 bits.
    exact = functional_model(case)
    exact.set_weights(model.get_weights())
    unit = {"mixed_float16": 2.0**-11, "mixed_bfloat16": 2.0**-8}[policy]
    atol = 100 * unit if case.amortized else 1e-6
    for half, single in zip((y, log_det), exact(inputs), strict=True):
        assert np.all(np.isfinite(half))
        np.testing.assert_allclose(half, single, atol=atol)


def test_points_are_not_rounded_by_mixed_precision(shared_case):
    layer = shared_case.make(init_scale=0.0, seed=0, dtype="mixed_bfloat16")
    z0 = np.full([2, 4], 1.0 + 2.0**-12, np.float32)
    np.testing.assert_allclose(layer(z0)[0], z0, rtol=1e-6)


def test_log_dets_are_finite_at_large_inputs(case, rng):
    model = functional_model(case, dtype="mixed_float16")
    inputs = tf.nest.map_structure(
        lambda value: 300.0 * value, case.inputs(rng, dtype="float32")
    )
    for output in model(inputs):
        assert np.all(np.isfinite(output))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "jit_compile"),
    [
        ("AmortizedRadial", False),
        ("SharedPlanar", False),
        ("AmortizedSylvester", False),
        ("SharedSylvester", False),
        ("AmortizedPlanar", True),
        ("SharedRadial", True),
    ],
)
def test_compiled_training_step(name, jit_compile, every_case, rng):
    case = every_case[name]
    model = functional_model(case)
    inputs = tf.nest.map_structure(tf.constant, case.inputs(rng, dtype="float32"))

    def step(*inputs):
        with tf.GradientTape() as tape:
            y, log_det = model(list(inputs) if case.amortized else inputs[0])
            loss = tf.reduce_mean(y**2) - tf.reduce_mean(log_det)
        return [loss, *tape.gradient(loss, model.trainable_weights)]

    flat = tf.nest.flatten(inputs)
    signature = [tf.TensorSpec([None, *value.shape[1:]], value.dtype) for value in flat]
    compiled = tf.function(
        step, input_signature=signature, jit_compile=jit_compile, autograph=False
    )
    for ours, eager in zip(compiled(*flat), step(*flat), strict=True):
        np.testing.assert_allclose(ours, eager, rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize("name", ["AmortizedPlanar", "SharedRadial", "SharedSylvester"])
def test_strategy_scope(name, every_case, rng):
    case = every_case[name]
    strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
    with strategy.scope():
        model = functional_model(case)
    inputs = case.inputs(rng, dtype="float32")
    single = functional_model(case)
    for ours, theirs in zip(
        strategy.run(lambda: model(inputs)), single(inputs), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


class Encoder(keras.Model):
    """A subclassed model that trains a flow as its variational posterior."""

    def __init__(self, flow, **kwargs):
        super().__init__(**kwargs)
        self.hidden = keras.layers.Dense(5, "tanh")
        self.flow = flow

    def call(self, x):
        """A point that has gone through the flow of its own encoding."""
        z, log_det = self.flow([x, self.hidden(x)])
        self.add_loss(-tf.reduce_mean(log_det))
        return z


def test_trains_in_a_subclassed_model(rng):
    keras.utils.set_random_seed(0)
    model = Encoder(layers.AmortizedPlanar(3, seed=0), dtype="mixed_float16")
    model.compile(keras.optimizers.Adam(0.05), loss="mse", run_eagerly=True)
    x = rng.normal(size=(64, 4)).astype("float32")
    losses = model.fit(x, 0.5 * x, epochs=4, verbose=0).history["loss"]
    assert np.all(np.isfinite(losses))
    assert losses[-1] < losses[0] - 0.1


def test_a_tensorflow_backend_is_asked_for(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ImportError, match="Keras runs on jax; set the environment"):
        importlib.reload(layers)
