"""A saved model gives what the model gave, to the last bit."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows as tff


def own_networks():
    encoder = keras.Sequential(
        [keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(12, "relu")]
    )
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(64)])
    return dict(encoder=encoder, decoder=decoder)


KINDS = {
    "mlp, no flow": dict,
    "mlp, Sylvester": lambda: dict(flow=tff.layers.AmortizedSylvester(2, 2, seed=0)),
    "own networks, planar": lambda: dict(
        own_networks(), flow=tff.layers.AmortizedPlanar(3, seed=0)
    ),
    "gated_conv, shared planar": lambda: dict(
        encoder="gated_conv",
        decoder="gated_conv",
        flow=tff.layers.SharedPlanar(3, seed=0),
    ),
}


@pytest.fixture(params=KINDS)
def model(request, rng):
    """Weights apart from the initial ones, which a model built anew would have, too."""
    model = tff.models.FlowVAE(2, (8, 8), seed=0, **KINDS[request.param]())
    model.set_weights([w + 0.1 * rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def assert_equal_models(model, other, digits):
    for judge in (
        lambda m: m(digits[:9]),
        lambda m: m.encode(digits[:9]),
        lambda m: m.sample(4, seed=1),
        lambda m: m.elbo(digits[:9], seed=1),
    ):
        np.testing.assert_array_equal(judge(model), judge(other))


def test_keras_file(model, digits, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_equal_models(model, loaded, digits)


def test_a_loaded_model_trains_on(digits, tmp_path):
    flow = tff.layers.AmortizedPlanar(3, seed=0)
    model = tff.models.FlowVAE(2, (8, 8), flow=flow, seed=0, **own_networks())
    model.compile(keras.optimizers.Adam(1e-2), run_eagerly=True)
    train = dict(epochs=1, verbose=0, shuffle=False)
    model.fit(digits[:64], **train)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    # With the state of the optimizer, and the noise of the steps to come.
    again = [m.fit(digits[:64], **train).history for m in (model, loaded)]
    assert again[0] == again[1]


def test_config_is_plain_and_builds_the_same_model(model):
    config = json.loads(json.dumps(model.get_config()))
    other = tff.models.FlowVAE.from_config(config)
    assert json.loads(json.dumps(other.get_config())) == config
    assert [tuple(w.shape) for w in other.weights] == [
        tuple(w.shape) for w in model.weights
    ]
    assert other.seed == model.seed


def test_weights_file(model, digits, tmp_path):
    model.save_weights(tmp_path / "model.weights.h5")
    other = tff.models.FlowVAE.from_config(dict(model.get_config(), seed=1))
    assert np.any(other(digits[:9]) != model(digits[:9]))
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other(digits[:9]), model(digits[:9]))


@pytest.mark.slow
def test_saved_model(digits, tmp_path):
    flow = tff.layers.AmortizedRadial(3, seed=0)
    model = tff.models.FlowVAE(2, (8, 8), flow=flow, seed=0)
    model.export(tmp_path / "exported", verbose=False)
    served = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(
        served.serve(digits[:9]), model(digits[:9]), rtol=1e-5, atol=1e-6
    )
    z = model.encode(digits[:9])
    np.testing.assert_allclose(served.encode(digits[:9]), z, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(served.decode(z), model.decode(z), rtol=1e-5, atol=1e-6)
