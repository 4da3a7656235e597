"""The target densities in JAX."""

import jax.numpy as jnp

from benchmarks.peers import numpy_targets


def example1(x):
    """See `numpy_targets.example1`."""
    across = (jnp.linalg.norm(x, axis=-1) - 4.0) / 0.4
    right = -0.5 * ((x[..., 0] - 2.0) / 0.8) ** 2
    left = -0.5 * ((x[..., 0] + 2.0) / 0.8) ** 2
    return jnp.logaddexp(right, left) - 0.5 * across**2


def gaussian(x):
    """See `numpy_targets.gaussian`."""
    scales = numpy_targets.gaussian_scales(x.shape[-1])
    return -0.5 * jnp.sum((x * jnp.asarray(1.0 / scales, jnp.float32)) ** 2, axis=-1)


def get(name):
    """The target of that name, a function of points `[..., D]`."""
    return {"example1": example1, "gaussian": gaussian}[name]
