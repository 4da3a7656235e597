"""Densities that the recipe was not tuned on, with their log Z where it is known.

Each is `(event_size, log_prob_fn, log_normalizer or None, num_layers, builder arguments,
num_steps)`.
"""

import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


def _log_z_in_plane(log_prob_fn, limit=14.0, resolution=2_801):
    """By the trapezoid rule on a square, in float64."""
    axis = np.linspace(-limit, limit, resolution)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape([-1, 2])
    log_prob = log_prob_fn(tf.constant(grid)).numpy()
    return float(np.logaddexp.reduce(log_prob) + 2.0 * math.log(axis[1] - axis[0]))


def crescents(z):
    """Two arcs that reach into one another."""
    x, y = z[..., 0], z[..., 1]
    upper = -0.5 * ((tf.sqrt((x + 1.0) ** 2 + y**2 + 1e-6) - 2.0) / 0.3) ** 2
    upper -= tf.nn.softplus(-4.0 * (y + 0.3))
    lower = -0.5 * ((tf.sqrt((x - 1.0) ** 2 + y**2 + 1e-6) - 2.0) / 0.3) ** 2
    lower -= tf.nn.softplus(4.0 * (y - 0.3))
    return tf.reduce_logsumexp(tf.stack([upper, lower]), axis=0)


def five_modes(z):
    """Five Gaussians of unequal weight and shape."""
    dtype = z.dtype
    centers = tf.constant([[0, 0], [3, 1], [-2, 2.5], [-2.5, -2], [1.5, -3]], dtype)
    scales = tf.constant(
        [[0.5, 0.5], [0.4, 0.9], [0.9, 0.4], [0.5, 0.6], [0.8, 0.5]], dtype
    )
    logits = tf.math.log(tf.constant([0.3, 0.25, 0.2, 0.15, 0.1], dtype))
    ratios = (z[..., tf.newaxis, :] - centers) / scales
    parts = -0.5 * tf.reduce_sum(ratios**2, -1) - tf.reduce_sum(tf.math.log(scales), -1)
    return tf.reduce_logsumexp(parts + logits, axis=-1)


def step(z):
    """A thin ridge along a steep step."""
    x, y = z[..., 0], z[..., 1]
    return -0.5 * ((y - 2.0 * tf.tanh(2.0 * x)) / 0.3) ** 2 - 0.5 * (x / 1.5) ** 2


def banana(z):
    """A parabola-shaped ridge."""
    x, y = z[..., 0], z[..., 1]
    return -0.5 * (x**2 / 4.0 + (y - 0.5 * x**2 + 2.0) ** 2)


def gaussian(event_size, condition=100.0):
    """Correlated, with eigenvalues of the covariance from 1 / condition to 1."""
    rng = np.random.default_rng(event_size)
    q, _ = np.linalg.qr(rng.normal(size=[event_size, event_size]))
    eigenvalues = np.geomspace(1.0 / condition, 1.0, event_size)
    precision = tf.constant((q / eigenvalues) @ q.T, tf.float32)
    mean = tf.constant(rng.normal(size=event_size), tf.float32)

    def log_prob(z):
        centered = z - mean
        return -0.5 * tf.reduce_sum(tf.tensordot(centered, precision, 1) * centered, -1)

    log_z = 0.5 * (event_size * math.log(2.0 * math.pi) + np.sum(np.log(eigenvalues)))
    return log_prob, float(log_z)


def funnel(z):
    """Neal's, in 10 dimensions: v ~ N(0, 3^2), nine of N(0, exp(v))."""
    v, rest = z[..., 0], z[..., 1:]
    return (
        -0.5 * (v / 3.0) ** 2
        - 0.5 * tf.exp(-v) * tf.reduce_sum(rest**2, axis=-1)
        - 4.5 * v
        - math.log(3.0)
        - 5.0 * math.log(2.0 * math.pi)
    )


_EFFECTS = np.array([28, 8, -3, 7, -1, 1, 18, 12], np.float32)
_ERRORS = np.array([15, 10, 16, 11, 9, 11, 10, 18], np.float32)


def eight_schools(z):
    """Non-centered: mean, log of the deviation, and eight standardised effects."""
    mean, log_tau, effects = 5.0 * z[..., 0], z[..., 1], z[..., 2:]
    theta = mean[..., tf.newaxis] + tf.exp(log_tau)[..., tf.newaxis] * effects
    return (
        tfd.Normal(0.0, 5.0).log_prob(mean)
        + tfd.LogNormal(0.0, 1.5).log_prob(tf.exp(log_tau))
        + log_tau
        + tf.reduce_sum(tfd.Normal(0.0, 1.0).log_prob(effects), axis=-1)
        + tf.reduce_sum(tfd.Normal(theta, _ERRORS).log_prob(_EFFECTS), axis=-1)
        + math.log(5.0)
    )


def held_out():
    """Of the plane, as the energies of the paper are, and never tuned on."""
    for log_prob_fn in (crescents, five_modes, step):
        log_z = _log_z_in_plane(log_prob_fn)
        yield log_prob_fn.__name__, (2, log_prob_fn, log_z, 16, {}, 10_000)


def other_dimensions():
    """Away from the plane, and a banana in it."""
    yield "banana", (2, banana, _log_z_in_plane(banana, 40.0, 6_001), 16, {}, 10_000)
    for event_size in (16, 64):
        log_prob_fn, log_z = gaussian(event_size)
        arguments = (event_size, log_prob_fn, log_z, 16, dict(affine=True), 20_000)
        yield f"gaussian{event_size}", arguments
    # Nine scales that depend on one coordinate ask for more layers than the others do.
    for num_layers in (16, 64):
        yield "funnel", (10, funnel, 0.0, num_layers, dict(affine=True), 10_000)
    yield "eight_schools", (10, eight_schools, None, 16, dict(affine=True), 10_000)
