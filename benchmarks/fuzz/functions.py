"""Good arguments, and functions with the arguments of what is called in them."""

import functools
import pathlib
import tempfile

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfp_flows as tff

FIT = dict(num_steps=3, seed=0, progress_bar=False, jit_compile=False)
POSTERIOR = dict(
    num_layers=1,
    num_steps=3,
    sample_size=8,
    num_evaluation_samples=200,
    seed=0,
    progress_bar=False,
)


def target(x):
    return -0.5 * tf.reduce_sum((x - 1.0) ** 2, axis=-1)


def log_likelihood(z, rows):
    return -0.5 * tf.reduce_sum((z[:, tf.newaxis] - rows) ** 2, axis=-1)


def rows():
    return tff.density.RowwisePosterior(target, log_likelihood, points(), 2)


def flow():
    return tff.planar_flow(2, 1, seed=0)


def points():
    return np.random.default_rng(0).normal(size=[12, 2]).astype(np.float32)


def images():
    return np.random.default_rng(0).uniform(size=[4, 4, 4]).astype(np.float32)


def flow_file():
    path = pathlib.Path(tempfile.gettempdir()) / "tfp-flows-fuzz.npz"
    if not path.exists():
        tff.distributions.save(flow(), path)
    return path


@functools.cache
def flow_vae():
    return tff.models.FlowVAE(2, [4, 4], seed=0)


def joint():
    return tfd.JointDistributionNamed(
        dict(
            z=tfd.Normal(0.0, 1.0),
            y=lambda z: tfd.Sample(tfd.Normal(z, 1.0), 3),
        )
    )


@functools.cache
def posterior():
    return tff.fit_posterior(joint(), y=[0.3, 1.0, 0.5], **POSTERIOR)


def draws(n, weighting="auto", seed=None):
    return posterior().draws(n, weighting=weighting, seed=seed)


def conditional_flow(event_size, x_shape, flow_layers=None, seed=None):
    layers = tff.layers.AmortizedPlanar(1, seed=0) if flow_layers is None else flow_layers
    return tff.models.ConditionalFlow(event_size, x_shape, layers, seed=seed)


def fit_objective(target, sample_size=4, annealing_fn=None, num_starts=1):
    objective = tff.vi.ReverseKL(
        target, sample_size=sample_size, annealing_fn=annealing_fn, num_starts=num_starts
    )
    start = tff.planar_flow(
        2, 1, seed=0, batch_shape=[] if num_starts == 1 else [num_starts]
    )
    return tff.vi.fit(start, objective, **FIT)


def elbo(images, num_samples=1, batch_size=100, seed=None):
    return flow_vae().elbo(
        images, num_samples=num_samples, batch_size=batch_size, seed=seed
    )


def fit_restarts(build_flow_fn, target_log_prob_fn, num_restarts=8, seed=None):
    return tff.vi.fit_restarts(
        build_flow_fn,
        target_log_prob_fn,
        num_restarts=num_restarts,
        sample_size=4,
        **(FIT | dict(seed=seed)),
    )


def flow_model(event_size, seed=None):
    layer = tff.layers.SharedPlanar(1, seed=0)
    return tff.models.FlowModel(event_size, layer, seed=seed)
