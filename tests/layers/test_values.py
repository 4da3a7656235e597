"""Values, log-dets and gradients of the layers, against oracles and autodiff."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows as tff
from tfp_flows import layers


def build(case, inputs, **kwargs):
    layer = case.make(dtype="float64", seed=0, **kwargs)
    layer(inputs)
    return layer


def test_every_layer_is_tested(every_case):
    tested = {case.layer_class.__name__ for case in every_case.values()}
    assert tested | {"Amortized", "Shared"} == set(layers.__all__)


def test_value_and_log_det(case, rng, scramble):
    layer = build(case, case.inputs(rng))
    scramble(layer, rng)
    for sample_shape in ((), (2, 3)):
        inputs = case.inputs(rng, *sample_shape)
        y, log_det = layer(inputs)
        image, truth = case.truth(layer, inputs)
        np.testing.assert_allclose(y, image, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(log_det, truth, rtol=1e-9, atol=1e-10)


def test_starts_near_the_identity(case, rng):
    inputs = case.inputs(rng, batch=200)
    z0 = inputs[0] if case.amortized else inputs
    y, log_det = build(case, inputs)(inputs)
    assert 1e-3 < np.std(y - z0) < 0.4
    assert np.std(log_det) < 1.0
    y, log_det = build(case, inputs, init_scale=0.0)(inputs)
    # An encoder needs a kernel, however small, or it would have no gradient.
    np.testing.assert_allclose(y, z0, atol=0.02 if case.amortized else 1e-12)
    np.testing.assert_allclose(log_det, 0.0, atol=0.05 if case.amortized else 1e-12)


def test_every_weight_and_input_has_a_gradient(case, rng):
    inputs = [tf.constant(value) for value in tf.nest.flatten(case.inputs(rng))]
    call_on = inputs if case.amortized else inputs[0]
    layer = build(case, call_on)
    watched = inputs if case.amortized else inputs[:1]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        y, log_det = layer(call_on)
        loss = tf.reduce_sum(y**2) - tf.reduce_sum(log_det)
    assert layer.trainable_weights
    for gradient in tape.gradient(loss, [*layer.trainable_weights, *watched]):
        assert np.all(np.isfinite(gradient))
        assert np.any(np.asarray(gradient) != 0.0)


def test_gradients_are_those_of_differences(case, rng, scramble):
    inputs = case.inputs(rng)
    layer = build(case, inputs)
    scramble(layer, rng)

    def loss():
        y, log_det = layer(inputs)
        return tf.reduce_sum(tf.sin(y)) - tf.reduce_sum(log_det)

    with tf.GradientTape() as tape:
        value = loss()
    gradients = tape.gradient(value, layer.weights)
    # Along one random direction of all weights: a wrong gradient of any changes the sum.
    steps = [1e-7 * rng.normal(size=weight.shape) for weight in layer.weights]
    losses = []
    for factor in (1.0, -2.0):
        for weight, step in zip(layer.weights, steps, strict=True):
            weight.assign_add(factor * step)
        losses.append(loss())
    expected = sum(np.sum(g * d) for g, d in zip(gradients, steps, strict=True))
    difference = (losses[0] - losses[1]) / 2.0
    np.testing.assert_allclose(difference, expected, rtol=1e-5, atol=1e-11)


def test_each_data_point_has_its_own_flow(rng):
    layer = layers.AmortizedPlanar(4, seed=0)
    z0 = np.ones([3, 2], np.float32)
    h = rng.normal(size=(3, 5)).astype("float32")
    y, log_det = layer([z0, h])
    assert len(np.unique(log_det)) == 3
    alone, alone_log_det = layer([z0[1:2], h[1:2]])
    np.testing.assert_allclose(alone[0], y[1], rtol=1e-6)
    np.testing.assert_allclose(alone_log_det[0], log_det[1], rtol=1e-5, atol=1e-6)


def test_samples_of_a_data_point_share_its_flow(rng):
    layer = layers.AmortizedRadial(4, seed=0)
    z0 = rng.normal(size=(7, 3, 2)).astype("float32")
    h = rng.normal(size=(3, 5)).astype("float32")
    y, log_det = layer([z0, h])
    for s in range(7):
        each, each_log_det = layer([z0[s], h])
        np.testing.assert_allclose(y[s], each, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(log_det[s], each_log_det, rtol=1e-4, atol=1e-5)


def test_bijector_is_live_and_inverts_the_layer(shared_case, rng, scramble):
    z0 = shared_case.inputs(rng)
    layer = build(shared_case, z0)
    bijector = layer.bijector
    scramble(layer, rng)
    y, log_det = layer(z0)
    np.testing.assert_allclose(bijector.forward(z0), y, rtol=1e-12)
    np.testing.assert_allclose(bijector.inverse(tf.identity(y)), z0, atol=1e-8)
    np.testing.assert_allclose(
        bijector.inverse_log_det_jacobian(tf.identity(y), event_ndims=1),
        -log_det,
        atol=1e-8,
    )
    trained = {id(v) for v in bijector.trainable_variables}
    assert trained == {id(w.value) for w in layer.trainable_weights}


def test_the_start_is_that_of_the_builders():
    for layer, flow in (
        (layers.SharedPlanar(5, seed=3), tff.planar_flow(2, 5, seed=3)),
        (layers.SharedRadial(5, seed=3), tff.radial_flow(2, 5, seed=3)),
        (layers.SharedSylvester(5, seed=3), tff.sylvester_flow(2, 5, seed=3)),
    ):
        z0 = keras.random.normal([10, 2], seed=0)
        y, log_det = layer(z0)
        np.testing.assert_allclose(y, flow.bijector.forward(z0), rtol=1e-5, atol=1e-6)
        expected = flow.bijector.forward_log_det_jacobian(z0, event_ndims=1)
        np.testing.assert_allclose(log_det, expected, rtol=1e-4, atol=1e-6)


def test_seeds():
    z0, h = np.ones([1, 2], np.float32), np.ones([1, 5], np.float32)

    def draw(seed):
        return layers.AmortizedPlanar(3, seed=seed)([z0, h])[0].numpy()

    np.testing.assert_array_equal(draw(1), draw(1))
    assert np.all(draw(1) != draw(2))
    assert np.all(draw(None) != draw(None))
    keras.utils.set_random_seed(5)
    first = draw(None)
    keras.utils.set_random_seed(5)
    np.testing.assert_array_equal(first, draw(None))


def test_inverse_of_amortised_layers(case, rng, scramble):
    if not case.amortized:
        assert not hasattr(case.layer_class, "inverse")
        return
    inputs = case.inputs(rng)
    layer = build(case, inputs)
    scramble(layer, rng)
    for sample_shape in ((), (2, 3)):
        z0, h = case.inputs(rng, *sample_shape)
        zK, log_det = layer([z0, h])
        found, inverse_log_det = layer.inverse([zK, h])
        np.testing.assert_allclose(found, z0, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(inverse_log_det, -log_det, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="has no weights yet"):
        case.make().bijector_at(h)
