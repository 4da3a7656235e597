"""Small Keras models, trained by one process or by several workers."""

import keras
import numpy as np
import tensorflow as tf

import tfp_flows as tff

IMAGES = np.random.default_rng(0).integers(0, 2, [32, 2, 2]).astype(np.float32)
POINTS, WEIGHTS = IMAGES.reshape([64, 2]), np.arange(1.0, 65.0)


def log_prior(z):
    return -0.5 * tf.reduce_sum(z**2, axis=-1)


def log_likelihood(z, x):
    return -0.5 * tf.reduce_sum((z[:, tf.newaxis] - x) ** 2, axis=-1)


def train(strategy):
    """What `fit` and `evaluate` report under a strategy, lists of `float`."""
    with strategy.scope():
        flow = tff.models.FlowModel(2, tff.layers.SharedPlanar(1, seed=0), seed=1)
        vae = tff.models.FlowVAE(2, (2, 2), seed=1)
        posterior = tff.models.FlowModel(2, tff.layers.SharedPlanar(1, seed=0), seed=1)
        for model in (flow, vae):
            model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
        posterior.compile(
            keras.optimizers.Adam(1e-2),
            log_prior_fn=log_prior,
            log_likelihood_fn=log_likelihood,
            jit_compile=False,
        )
    settings = dict(batch_size=32, shuffle=False, verbose=0)
    history = flow.fit(POINTS, sample_weight=WEIGHTS, **settings).history
    nll = [*history["nll"], flow.evaluate(POINTS, verbose=0)[-1]]
    elbo = [
        *vae.fit(IMAGES, **settings).history["elbo"],
        *posterior.fit(POINTS, **settings).history["elbo"],
    ]
    return dict(nll=nll, elbo=elbo)
