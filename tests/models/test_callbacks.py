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
    model.compile(keras.optimizers.Adam(1e-3), run_eagerly=True)
    return model


def fit(model, digits, callbacks, **changes):
    settings = dict(batch_size=50, verbose=0, validation_data=(digits[:50],))
    return model.fit(digits[50:], callbacks=callbacks, **(settings | changes)).history


def test_callbacks_of_keras(model, digits, tmp_path):
    path = tmp_path / "best.keras"
    # Nothing improves by 10^6 nats: a plateau from the second epoch on.
    plateau = dict(monitor="val_loss", min_delta=1e6)
    callbacks = [
        keras.callbacks.ModelCheckpoint(
            path, monitor="val_elbo", mode="max", save_best_only=True
        ),
        keras.callbacks.ReduceLROnPlateau(**plateau, factor=0.5, patience=1),
        keras.callbacks.EarlyStopping(**plateau, patience=2, restore_best_weights=True),
        keras.callbacks.TensorBoard(tmp_path),
    ]
    history = fit(model, digits, callbacks, epochs=9)
    assert len(history["loss"]) == 3
    assert history["learning_rate"][-1] < history["learning_rate"][0]

    best = keras.models.load_model(path)
    result = best.evaluate(digits[:50], batch_size=50, verbose=0, return_dict=True)
    assert result["elbo"] == pytest.approx(max(history["val_elbo"]), rel=1e-6)

    events = EventAccumulator(str(tmp_path / "validation")).Reload()
    written = [
        float(tf.make_ndarray(event.tensor_proto))
        for event in events.Tensors("epoch_elbo")
    ]
    np.testing.assert_allclose(written, history["val_elbo"], rtol=1e-6)


def test_warm_up_over_epochs(model, digits):
    # In a graph, which could hold the first weight as a constant.
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    # As one that goes on after the first epoch.
    history = fit(model, digits, [tff.models.KLWarmUp(3)], initial_epoch=1, epochs=4)
    np.testing.assert_allclose(history["beta"], [2 / 3, 1.0, 1.0], rtol=1e-6)
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


def test_warm_up_over_steps(model, digits):
    betas = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            betas.append(float(self.model.beta.numpy()))

    warm_up = tff.models.KLWarmUp(num_steps=8)
    fit(model, digits, [warm_up, Watch()], epochs=2)
    np.testing.assert_allclose(betas, np.arange(1, 7) / 8)
    # Cut short, it leaves the full weight behind.
    assert float(model.beta.numpy()) == 1.0


@pytest.mark.slow
def test_a_file_of_the_warm_up_goes_on(model, digits, tmp_path):
    path = tmp_path / "model.keras"
    saving = keras.callbacks.ModelCheckpoint(path, save_freq=2)
    fit(model, digits, [tff.models.KLWarmUp(num_steps=8), saving], epochs=1)
    loaded = keras.models.load_model(path)
    weights = loaded.get_weights()
    done = int(loaded.optimizer.iterations.numpy())
    assert done == 2
    # Without the callback at full weight; with it, from where it was.
    history = fit(loaded, digits, [], epochs=1)
    assert history["beta"] == [1.0]
    loaded = keras.models.load_model(path)
    history = fit(loaded, digits, [tff.models.KLWarmUp(num_steps=8)], epochs=1)
    np.testing.assert_allclose(history["beta"], [np.mean([3, 4, 5]) / 8], rtol=1e-6)
    assert len(weights) == len(model.get_weights())


@pytest.mark.parametrize("arguments", [{}, dict(num_epochs=2, num_steps=3)])
def test_warm_up_takes_one_length(arguments):
    with pytest.raises(ValueError, match="either"):
        tff.models.KLWarmUp(**arguments)
    with pytest.raises(ValueError, match=r"num_steps.*0"):
        tff.models.KLWarmUp(num_steps=0)
