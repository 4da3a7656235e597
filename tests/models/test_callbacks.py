"""Keras' callbacks with a `FlowVAE`, and KL warm-up."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import tfp_flows as tff


@pytest.fixture
def model():
    model = tff.models.FlowVAE(2, (8, 8), binarization="fixed", seed=0)
    model.compile(keras.optimizers.Adam(1e-3))
    return model


def fit(model, digits, callbacks, **changes):
    settings = dict(epochs=3, batch_size=100, verbose=0, validation_data=(digits[:100],))
    return model.fit(digits[100:], callbacks=callbacks, **(settings | changes)).history


def test_model_checkpoint_keeps_the_best(model, digits, tmp_path):
    path = tmp_path / "best.keras"
    checkpoint = keras.callbacks.ModelCheckpoint(
        path, monitor="val_elbo", mode="max", save_best_only=True
    )
    history = fit(model, digits, [checkpoint])
    best = keras.models.load_model(path)
    result = best.evaluate(digits[:100], batch_size=100, verbose=0, return_dict=True)
    assert result["elbo"] == pytest.approx(max(history["val_elbo"]), rel=1e-6)


def test_early_stopping(model, digits):
    stop = keras.callbacks.EarlyStopping(
        "val_loss", min_delta=1e6, patience=1, restore_best_weights=True
    )
    assert len(fit(model, digits, [stop], epochs=9)["loss"]) == 2


def test_reduce_learning_rate_on_plateau(model, digits):
    reduce = keras.callbacks.ReduceLROnPlateau(
        "val_loss", factor=0.5, patience=1, min_delta=1e6
    )
    rates = fit(model, digits, [reduce])["learning_rate"]
    assert rates[-1] < rates[0]


def test_tensorboard_writes_the_metrics(model, digits, tmp_path):
    history = fit(model, digits, [keras.callbacks.TensorBoard(tmp_path)])
    events = EventAccumulator(str(tmp_path / "validation")).Reload()
    written = [
        float(tf.make_ndarray(event.tensor_proto))
        for event in events.Tensors("epoch_elbo")
    ]
    np.testing.assert_allclose(written, history["val_elbo"], rtol=1e-6)


def test_warm_up_over_epochs(model, digits):
    history = fit(model, digits, [tff.models.KLWarmUp(4)], epochs=6)
    np.testing.assert_allclose(history["beta"], [0.25, 0.5, 0.75, 1.0, 1.0, 1.0])
    np.testing.assert_allclose(history["val_beta"], 1.0)
    for prefix in ("", "val_"):
        terms = {
            k: np.array(history[prefix + k]) for k in ("elbo", "reconstruction", "kl")
        }
        np.testing.assert_allclose(
            terms["elbo"], terms["reconstruction"] - terms["kl"], rtol=1e-5
        )
        np.testing.assert_allclose(
            history[prefix + "loss"],
            np.array(history[prefix + "beta"]) * terms["kl"] - terms["reconstruction"],
            rtol=1e-5,
        )
    assert float(model.beta.numpy()) == 1.0


def test_warm_up_goes_on_where_it_was(model, digits):
    warm_up = tff.models.KLWarmUp(4)
    fit(model, digits, [warm_up], epochs=2)
    history = fit(model, digits, [warm_up], initial_epoch=2, epochs=3)
    np.testing.assert_allclose(history["beta"], [0.75])


def test_warm_up_over_steps(model, digits):
    betas = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            betas.append(float(self.model.beta.numpy()))

    fit(model, digits, [tff.models.KLWarmUp(num_steps=4), Watch()], epochs=2)
    np.testing.assert_allclose(betas, np.minimum(np.arange(1, 7) / 4, 1.0))


@pytest.mark.parametrize("arguments", [{}, dict(num_epochs=2, num_steps=3)])
def test_warm_up_takes_one_length(arguments):
    with pytest.raises(ValueError, match="either"):
        tff.models.KLWarmUp(**arguments)
    with pytest.raises(ValueError, match=r"num_steps.*0"):
        tff.models.KLWarmUp(num_steps=0)
