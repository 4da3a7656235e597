"""Densities and samples in the plane."""

import numpy as np
import tensorflow as tf

from tfp_flows.plotting.style import DENSITY_COLORS, INK


def plot_density(ax, log_prob_fn, limits, *, resolution=400, vmax=None):
    """Draws the density exp(log_prob_fn) as colours.

    Args:
      ax: `matplotlib.axes.Axes`.
      log_prob_fn: callable, `Tensor` of shape `[S, 2]` to `[S]`, in float32 or float64;
        or a distribution, for its `log_prob`.
      limits: `(low, high)` of both axes.
      resolution: number of grid points per axis.
      vmax: density of the darkest colour; `None` is the highest on the grid.

    Returns:
      `ax`.
    """
    _, density = density_on_grid(log_prob_fn, limits, resolution=resolution)
    return plot_grid_density(ax, density, limits, vmax=vmax)


def density_on_grid(log_prob_fn, limits, *, resolution=400):
    """The density exp(log_prob_fn) on a square grid.

    Args:
      log_prob_fn: as for `plot_density`.
      limits: `(low, high)` of both axes.
      resolution: number of grid points per axis.

    Returns:
      The coordinates `[resolution]` of both axes, and the density
      `[resolution, resolution]`, by z_2 and z_1.
    """
    dtype = getattr(log_prob_fn, "dtype", tf.float32)
    axis = np.linspace(*limits, resolution)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape([-1, 2])
    points = tf.constant(grid, dtype)
    if hasattr(log_prob_fn, "log_prob"):
        # As a graph: the inverse of a long flow at 160,000 points is 5 times as fast. One
        # concrete function: a tf.function, new in each call, would warn of retracing.
        function = tf.function(log_prob_fn.log_prob, autograph=False)
        log_prob_fn = function.get_concrete_function(points)
    log_prob = log_prob_fn(points)
    return axis, np.exp(np.asarray(log_prob)).reshape([resolution, resolution])


def plot_grid_density(ax, density, limits, *, vmax=None):
    """Draws a density that is known on a grid, as `density_on_grid` returns it.

    Args:
      ax: `matplotlib.axes.Axes`.
      density: array of shape `[resolution, resolution]`, by z_2 and z_1.
      limits: `(low, high)` of both axes.
      vmax: density of the darkest colour; `None` is the highest on the grid.

    Returns:
      `ax`.
    """
    ax.imshow(
        density,
        origin="lower",
        extent=(*limits, *limits),
        interpolation="bilinear",
        cmap=DENSITY_COLORS,
        vmin=0.0,
        vmax=vmax,
    )
    return frame(ax, limits)


def plot_samples(ax, samples, limits, *, size=6.0, color=INK):
    """Draws samples as points.

    Args:
      ax: `matplotlib.axes.Axes`.
      samples: array of shape `[S, 2]`.
      limits: `(low, high)` of both axes.
      size: area of a point, in points squared.
      color: matplotlib colour.

    Returns:
      `ax`.
    """
    samples = np.asarray(samples)
    ax.scatter(samples[:, 0], samples[:, 1], s=size, color=color, alpha=0.6, lw=0)
    return frame(ax, limits)


def frame(ax, limits):
    """Equal aspect and the same range on both axes; returns `ax`."""
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ax.set(xlabel="$z_1$", ylabel="$z_2$")
    return ax
