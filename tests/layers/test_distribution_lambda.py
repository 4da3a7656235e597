"""The recipe for tfp.layers, which is of Keras 2: a flow from a DistributionLambda."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_flows as tff

K, D = 4, 2


def planar_flow_of(parameters):
    """A flow per data point, from the `K (2 D + 1)` outputs of a network."""
    u, w, b = tf.split(parameters, [K * D, K * D, K], axis=-1)
    u, w = (tf.reshape(p, [-1, K, D]) for p in (u, w))
    base = tfp.distributions.Sample(
        tfp.distributions.Normal(tf.zeros_like(b[:, 0]), 1.0), sample_shape=[D]
    )
    return tfp.distributions.TransformedDistribution(
        base, tff.bijectors.PlanarStack(u, w, b)
    )


def conditional_flow():
    return tf_keras.Sequential(
        [
            tf_keras.layers.Dense(16, activation="tanh"),
            tf_keras.layers.Dense(K * (2 * D + 1)),
            tfp.layers.DistributionLambda(planar_flow_of),
        ]
    )


@pytest.mark.slow
def test_recipe_trains_a_conditional_density(rng):
    tf_keras.utils.set_random_seed(0)
    x = rng.uniform(-1.0, 1.0, size=(200, 1)).astype("float32")
    noise = rng.normal(size=(200, 2))
    # The scale of y depends on x: no flow that ignores x could model it.
    y = (noise * np.exp(x) * [1.0, 0.3]).astype("float32")
    model = conditional_flow()
    model.compile(
        tf_keras.optimizers.Adam(0.05),
        loss=lambda y, q: -q.log_prob(y),
        jit_compile=False,
    )
    losses = model.fit(x, y, epochs=8, batch_size=40, verbose=0).history["loss"]
    entropy = np.log(2.0 * np.pi) + 1.0 + np.log(0.3)  # the mean over x
    assert entropy - 0.1 < losses[-1] < entropy + 0.35 < losses[0]

    q = model(x[:5])
    assert (q.batch_shape, q.event_shape) == ((5,), (2,))
    assert q.sample(3).shape == (3, 5, 2)
    with tf.GradientTape() as tape:
        nll = -tf.reduce_mean(model(x).log_prob(y))
    for gradient in tape.gradient(nll, model.trainable_variables):
        assert np.any(gradient != 0.0)


def test_recipe_is_the_flow_of_each_row(rng):
    parameters = rng.normal(size=(3, K * (2 * D + 1))).astype("float32")
    y = rng.normal(size=(3, D)).astype("float32")
    log_prob = planar_flow_of(tf.constant(parameters)).log_prob(y)
    for row in range(3):
        u, w = parameters[row, : 2 * K * D].reshape(2, K, D)
        stack = tff.bijectors.PlanarStack(u, w, parameters[row, 2 * K * D :])
        alone = tfp.distributions.TransformedDistribution(
            tfp.distributions.MultivariateNormalDiag(tf.zeros(D)), stack
        )
        np.testing.assert_allclose(log_prob[row], alone.log_prob(y[row]), rtol=1e-4)
