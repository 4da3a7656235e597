"""Small Keras models, trained by one process or by several workers."""

import keras
import numpy as np

import tfp_flows as tff

IMAGES = np.random.default_rng(0).integers(0, 2, [32, 2, 2]).astype(np.float32)
POINTS, WEIGHTS = IMAGES.reshape([64, 2]), np.arange(1.0, 65.0)


def train(strategy):
    """What `fit` and `evaluate` report under a strategy, lists of `float`."""
    with strategy.scope():
        flow = tff.models.FlowModel(2, tff.layers.SharedPlanar(1, seed=0), seed=1)
        vae = tff.models.FlowVAE(2, (2, 2), seed=1)
        for model in (flow, vae):
            model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    settings = dict(batch_size=32, shuffle=False, verbose=0)
    history = flow.fit(POINTS, sample_weight=WEIGHTS, **settings).history
    nll = [*history["nll"], flow.evaluate(POINTS, verbose=0)[-1]]
    return dict(nll=nll, elbo=vae.fit(IMAGES, **settings).history["elbo"])
