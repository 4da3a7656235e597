"""Bad arguments of FlowModel, and what it says."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.layers import AmortizedPlanar, SharedPlanar
from tfp_flows.models import FlowModel

X = np.zeros([6, 2], np.float32)


def log_prob(x):
    return -0.5 * tf.reduce_sum(x**2, axis=-1)


def model(target_log_prob_fn=None):
    made = FlowModel(2, SharedPlanar(2, seed=0))
    made.compile(target_log_prob_fn=target_log_prob_fn, jit_compile=False)
    return made


@pytest.mark.parametrize("event_size", [0, 2.0, None])
def test_event_size(event_size):
    with pytest.raises(ValueError, match="`event_size` must be an integer"):
        FlowModel(event_size, SharedPlanar(2))


def test_layers():
    with pytest.raises(ValueError, match="at least one flow layer, but is empty"):
        FlowModel(2, [])
    for wrong in (keras.layers.Dense(2), AmortizedPlanar(2), "planar"):
        with pytest.raises(TypeError, match="shared flow layers with a `bijector`"):
            FlowModel(2, [SharedPlanar(2), wrong])
    with pytest.raises(TypeError, match="share one dtype, but have float32, float64"):
        FlowModel(2, [SharedPlanar(2), SharedPlanar(2, dtype="float64")])
    built = SharedPlanar(2)
    built.build((None, 3))
    with pytest.raises(
        ValueError, match=r"has been built for event size 3, but got .* 2"
    ):
        FlowModel(2, built)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(loss="mse"), TypeError, "no argument loss: its loss and metrics"),
        (
            dict(target_log_prob_fn=3.0),
            TypeError,
            "`target_log_prob_fn` must be a function of points",
        ),
        (dict(annealing_fn=lambda step: 1.0), ValueError, "no `target_log_prob_fn`"),
        (dict(sample_size=0), ValueError, "`sample_size` must be an integer"),
    ],
)
def test_compile(arguments, error, message):
    with pytest.raises(error, match=message):
        FlowModel(2, SharedPlanar(2)).compile(**arguments)


def test_uncompiled():
    for method in ("fit", "evaluate"):
        with pytest.raises(ValueError, match=f"{method} needs a compiled model"):
            getattr(FlowModel(2, SharedPlanar(2)), method)(X)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (None, ValueError, r"needs data of shape \[N, 2\].* compile with target_log"),
        (X[:, :1], ValueError, r"event size 2, but got shape \(6, 1\)"),
        (X[0], ValueError, r"but got shape \(2,\)"),
        (X.astype(int), TypeError, "floating-point data, but got int64"),
        (np.where(np.arange(6)[:, None] == 4, np.nan, X), ValueError, "index 4"),
        (tf.data.Dataset.from_tensors(X[:, :1]), ValueError, r"but got shape \(6, 1\)"),
        (tf.data.Dataset.from_tensors((X, X)), ValueError, "got labels"),
    ],
)
def test_data(data, error, message):
    for method in ("fit", "evaluate"):
        with pytest.raises(error, match=message):
            getattr(model(), method)(data, verbose=0)
    if data is not None:
        with pytest.raises(error, match=message):
            model().fit(X, validation_data=data, verbose=0)


def test_labels():
    for method in ("fit", "evaluate"):
        with pytest.raises(ValueError, match="got labels, but a flow models points"):
            getattr(model(), method)(X, X)
    with pytest.raises(ValueError, match="validation_data got labels"):
        model().fit(X, validation_data=(X, X))


def test_points_of_log_prob():
    for bad, message in (
        (np.ma.masked_array(X, X > 1), "masked array"),
        (X + 1j, "of real numbers, but got complex"),
        (tf.sparse.from_dense(X), "dense array, but got a SparseTensor"),
        (X.astype(object), "dtype object"),
    ):
        with pytest.raises(TypeError, match=message):
            model().log_prob(bad)


class Workers(tf.distribute.MultiWorkerMirroredStrategy):
    """Two workers with a device each; TensorFlow's own would wait for the other."""

    num_replicas_in_sync = 2
    extended = types.SimpleNamespace(worker_devices=("/cpu:0",))

    def __init__(self):
        pass


class ParameterServer(tf.distribute.ParameterServerStrategy):
    def __init__(self):
        pass


def test_what_keras_does_not_train_under_is_refused(monkeypatch):
    several = model()
    several.compile(steps_per_execution=2)
    for strategy, trained, message in (
        (Workers(), several, "compile with steps_per_execution=1"),
        (ParameterServer(), model(), "cannot run under a ParameterServerStrategy"),
    ):
        monkeypatch.setattr(FlowModel, "distribute_strategy", strategy)
        for use in (trained.fit, trained.evaluate):
            with pytest.raises(NotImplementedError, match=message):
                use(X)


def test_data_and_target():
    with pytest.raises(ValueError, match="fit got x, but the model was compiled with"):
        model(log_prob).fit(X, steps_per_epoch=1)
    with pytest.raises(ValueError, match="fit got validation_data"):
        model(log_prob).fit(validation_data=X, steps_per_epoch=1)
    with pytest.raises(ValueError, match="needs `steps_per_epoch`"):
        model(log_prob).fit(epochs=2)
    with pytest.raises(ValueError, match="needs `steps`"):
        model(log_prob).evaluate()


@pytest.mark.parametrize(
    ("annealing_fn", "error", "message"),
    [
        (0.5, TypeError, "`annealing_fn` must be a function of the step"),
        (lambda step: np.nan, ValueError, "must return a finite scalar of at least 0"),
    ],
)
def test_annealing_fn(annealing_fn, error, message):
    made = FlowModel(2, SharedPlanar(2, seed=0))
    made.compile(target_log_prob_fn=log_prob, annealing_fn=annealing_fn)
    with pytest.raises(error, match=message):
        made.fit(steps_per_epoch=1)


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (lambda x: x, ValueError, r"returned shape \(256, 2\)"),
        (lambda x: log_prob(x) * np.nan, ValueError, "NaN or "),
        (lambda x: tf.cast(log_prob(x), tf.float64), TypeError, "returned float64"),
        (lambda x: log_prob(tf.stop_gradient(x)), ValueError, "No gradient flows"),
    ],
)
def test_target(target, error, message):
    with pytest.raises(error, match=message):
        model(target).fit(steps_per_epoch=1, verbose=0)
