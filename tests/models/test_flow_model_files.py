"""Files, callbacks and strategies around FlowModel."""

import csv
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows as tff
from tfp_flows.layers import SharedPlanar, SharedRadial, SharedSylvester
from tfp_flows.models import FlowModel


@keras.saving.register_keras_serializable(package="test_flow_model_files")
def registered_log_prob(x):
    return -0.5 * tf.reduce_sum((x - 1.0) ** 2, axis=-1)


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal(size=(60, 2)).astype("float32")


@pytest.fixture(scope="module")
def model(x):
    """Trained; what trains it on changes nothing that is tested of it elsewhere."""
    layers = [SharedRadial(1, seed=0), SharedRadial(1, seed=1)]
    made = FlowModel(2, layers, seed=1)
    made.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
    made.fit(x, batch_size=30, verbose=0)
    return made


def test_config():
    layers = [SharedPlanar(2, seed=3), SharedSylvester(2, form="triangular")]
    made = FlowModel(3, layers, seed=4, name="mine", dtype="mixed_bfloat16")
    copy = FlowModel.from_config(made.get_config())
    assert copy.get_config() == made.get_config()
    assert (copy.name, copy.event_size, copy.count_params()) == (
        "mine",
        3,
        made.count_params(),
    )
    assert keras.models.clone_model(made).get_config() == made.get_config()


def test_keras_file(model, x, tmp_path):
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.models.load_model(path)
    np.testing.assert_array_equal(loaded(x), model(x))
    # Training goes on as if nothing had happened, the optimizer's state included.
    again = [
        made.fit(x, batch_size=30, verbose=0, shuffle=False).history["loss"]
        for made in (model, loaded)
    ]
    assert again[0] == again[1]
    np.testing.assert_array_equal(loaded(x), model(x))


@pytest.mark.slow
def test_keras_file_with_a_target(x, tmp_path):
    made = FlowModel(2, SharedPlanar(2, seed=0), seed=1)
    made.compile(
        "adam", target_log_prob_fn=registered_log_prob, sample_size=64, run_eagerly=True
    )
    made.fit(steps_per_epoch=3, verbose=0)
    made.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    again = [
        made.fit(steps_per_epoch=3, verbose=0).history["loss"] for made in (made, loaded)
    ]
    # The samples are those of the steps after the file was saved.
    assert again[0] == again[1]
    np.testing.assert_array_equal(loaded(x), made(x))


def test_a_target_that_cannot_be_saved(x, tmp_path):
    made = FlowModel(2, SharedPlanar(2, seed=0))
    made.compile("adam", target_log_prob_fn=lambda x: registered_log_prob(x))
    with pytest.warns(UserWarning, match="`target_log_prob_fn` is not registered"):
        made.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), made(x))
    with pytest.raises(ValueError, match="fit needs a compiled model"):
        loaded.fit(steps_per_epoch=1)


def test_weights_file(model, x, tmp_path):
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = FlowModel(2, [SharedRadial(1), SharedRadial(1)])
    fresh.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(fresh(x), model(x))


def test_saved_model(model, x, tmp_path):
    model.export(tmp_path / "exported", verbose=False)
    served = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(served.serve(x), model(x), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(served.serve(x[:7]), model(x[:7]), rtol=1e-5, atol=1e-5)


def test_flow_file(x, tmp_path):
    for layer in (SharedPlanar(2), SharedRadial(2), SharedSylvester(2, 2)):
        made = FlowModel(2, layer)
        tff.distributions.save(made.distribution(), tmp_path / "flow.npz")
        loaded = tff.distributions.load(tmp_path / "flow.npz")
        np.testing.assert_allclose(loaded.log_prob(x), made(x), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_callbacks(model, x, tmp_path):
    checkpoint = tmp_path / "best.keras"
    keras.utils.set_random_seed(0)
    stopping = keras.callbacks.EarlyStopping(
        monitor="val_nll", mode="min", patience=2, restore_best_weights=True
    )
    model.compile(keras.optimizers.Adam(0.3), run_eagerly=True)  # to overshoot
    history = model.fit(
        x,
        validation_data=x[:30],
        batch_size=30,
        epochs=30,
        verbose=0,
        callbacks=[
            stopping,
            # Nothing improves by 100 nats: a plateau from the second epoch on.
            keras.callbacks.ReduceLROnPlateau(patience=0, factor=0.5, min_delta=100.0),
            keras.callbacks.ModelCheckpoint(
                checkpoint, monitor="val_nll", mode="min", save_best_only=True
            ),
            keras.callbacks.TensorBoard(tmp_path / "logs"),
            keras.callbacks.CSVLogger(tmp_path / "log.csv"),
            keras.callbacks.TerminateOnNaN(),
        ],
    ).history
    assert stopping.stopped_epoch > 0
    assert min(history["learning_rate"]) < 0.3
    best = keras.models.load_model(checkpoint)
    np.testing.assert_array_equal(best(x), model(x))
    assert -np.mean(best(x[:30])) == pytest.approx(min(history["val_nll"]), rel=1e-5)
    assert list((tmp_path / "logs").rglob("events.*"))
    with open(tmp_path / "log.csv") as file:
        assert len(list(csv.DictReader(file))) == len(history["nll"])


@pytest.mark.slow
def test_another_process_loads_the_file_and_trains_on_two_replicas(model, x, tmp_path):
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "log_prob.npy", model(x))
    code = """
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
from tfp_flows import layers, models
x = np.load("x.npy")
loaded = keras.models.load_model("model.keras")
np.testing.assert_array_equal(loaded(x), np.load("log_prob.npy"))

log_prob = lambda x: -0.5 * tf.reduce_sum((x - 1.0) ** 2, axis=-1)

def train(scope, optimizer=None, target=None, epochs=1, **mode):
    with scope:
        model = models.FlowModel(2, layers.SharedRadial(2, seed=0), seed=1)
        model.compile(
            optimizer or keras.optimizers.SGD(), target_log_prob_fn=target, **mode
        )
    data = [x] if target is None else []
    fit = dict(batch_size=20, steps_per_epoch=2, epochs=epochs, shuffle=False, verbose=0)
    return model, model.fit(*data, **fit).history

def scopes():
    return strategy.scope(), tf.distribute.get_strategy().scope()

strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
(two, two_history), (one, one_history) = (
    train(scope, run_eagerly=True) for scope in scopes()
)
np.testing.assert_allclose(two(x), one(x), rtol=1e-4)
np.testing.assert_allclose(two_history["loss"], one_history["loss"], rtol=1e-4)
from tfp_flows.training import eigenbasis
eigenbasis._PERIOD = 1
losses = [  # past several bases
    train(scope, eigenbasis.EigenbasisAdam(0.02), epochs=2, run_eagerly=True)[1]["loss"]
    for scope in scopes()
]
np.testing.assert_allclose(losses[0], losses[1], rtol=1e-3)
assert losses[0][-1] < losses[0][0]
drawn = []
def target(x):
    tf.py_function(lambda x: drawn.append(x.numpy()), [x], [])
    return log_prob(x)
_, history = train(strategy.scope(), target=target, run_eagerly=True)
drawn = [sample for sample in drawn if len(sample) == 128]
assert len(np.unique(drawn, axis=0)) == 4
np.testing.assert_allclose(history["loss"], -np.array(history["elbo"]), rtol=1e-4)
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
