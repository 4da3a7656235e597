"""Every optimizer of Keras, and the package's own, with both models."""

import inspect

import keras
import numpy as np
import pytest

import tfp_flows as tff
from tfp_flows.training import eigenbasis
from tfp_flows.training.optimizers import EigenbasisAdam

X = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
IMAGES = np.random.default_rng(1).uniform(size=(60, 4, 4)).astype(np.float32)

# Those of the installed version that train by themselves, Muon among them.
OTHERS = {"Optimizer", "LossScaleOptimizer", "MultiOptimizer"}
OPTIMIZERS = {
    name: value
    for name, value in vars(keras.optimizers).items()
    if inspect.isclass(value)
    and issubclass(value, keras.optimizers.Optimizer)
    and name not in OTHERS
}


def check_that_a_step_moves_all_weights(model, x, optimizer):
    model.compile(optimizer(1e-2), run_eagerly=True)
    before = model.get_weights()
    model.fit(x, batch_size=60, verbose=0)
    for old, new, weight in zip(before, model.get_weights(), model.weights, strict=True):
        assert np.all(np.isfinite(new)), weight.path
        assert np.any(new != old), weight.path


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_of_keras(name):
    flow = tff.models.FlowModel(2, tff.layers.SharedPlanar(2, seed=0), seed=0)
    check_that_a_step_moves_all_weights(flow, 2.0 * X, OPTIMIZERS[name])


@pytest.mark.parametrize("name", ["SGD", "Adam", "Adafactor"])
def test_optimizers_of_keras_with_networks(name):
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4)])
    decoder = keras.Sequential([keras.Input((1,)), keras.layers.Dense(16)])
    amortized = tff.layers.AmortizedPlanar(2, seed=0)
    vae = tff.models.FlowVAE(
        1, (4, 4), encoder=encoder, decoder=decoder, flow=amortized, seed=0
    )
    check_that_a_step_moves_all_weights(vae, IMAGES, OPTIMIZERS[name])


@pytest.mark.slow
def test_eigenbasis_adam_and_its_file(tmp_path, monkeypatch):
    monkeypatch.setattr(eigenbasis, "_PERIOD", 4)
    model = tff.models.FlowModel(2, tff.layers.SharedPlanar(2, seed=0), seed=0)
    model.compile(EigenbasisAdam(0.02), jit_compile=False)
    fit = dict(batch_size=20, verbose=0, shuffle=False)
    losses = model.fit(2.0 * X, epochs=10, **fit).history["loss"]
    assert losses[-1] < losses[0] - 0.3
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for each in (model, loaded):
        each.fit(2.0 * X, epochs=3, **fit)
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_eigenbasis_adam_refuses_a_large_model():
    model = tff.models.FlowVAE(2, (4, 4), seed=0)
    model.compile(EigenbasisAdam())
    with pytest.raises(ValueError, match="at most 320 parameters"):
        model.fit(IMAGES, verbose=0)
