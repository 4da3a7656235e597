"""The target densities in NumPy: the reference for those of every library."""

import numpy as np


def example1(x):
    """A ring of radius 4 under two Gaussian stripes at z_1 = -2 and 2: `[..., 2]`."""
    across = (np.linalg.norm(x, axis=-1) - 4.0) / 0.4
    right = -0.5 * ((x[..., 0] - 2.0) / 0.8) ** 2
    left = -0.5 * ((x[..., 0] + 2.0) / 0.8) ** 2
    return np.logaddexp(right, left) - 0.5 * across**2


def gaussian_scales(event_size):
    """Standard deviations from 0.5 to 2, in equal ratios: `[D]`."""
    return np.geomspace(0.5, 2.0, event_size)


def gaussian(x):
    """A normal of independent coordinates of unequal scale, unnormalized: `[..., D]`."""
    return -0.5 * np.sum((x / gaussian_scales(x.shape[-1])) ** 2, axis=-1)


def get(name):
    """The target of that name, a function of points `[..., D]`."""
    return {"example1": example1, "gaussian": gaussian}[name]


def check_points(event_size):
    """Five points at which all implementations must agree: `[5, D]`."""
    i, j = np.meshgrid(np.arange(5), np.arange(event_size), indexing="ij")
    return 3.0 * np.sin(1.0 + 2.3 * i + 0.7 * j)
