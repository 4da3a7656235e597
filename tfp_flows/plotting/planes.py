"""Densities in the plane."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp
from matplotlib.axes import Axes

from tfp_flows.plotting.points import frame
from tfp_flows.plotting.style import DENSITY_COLORS
from tfp_flows.types import LogProbFn

# Of a grid, so that a fine one fits in memory, and in the processor's cache.
_POINTS_AT_ONCE = 160_000

_Density: TypeAlias = LogProbFn | tfp.distributions.Distribution


def plot_density(
    ax: Axes,
    log_prob_fn: _Density,
    limits: npt.ArrayLike,
    *,
    resolution: int = 400,
    vmax: float | None = None,
) -> Axes:
    """Draws the density exp(log_prob_fn) as colours.

    Args:
      ax: `matplotlib.axes.Axes`.
      log_prob_fn: callable, `Tensor` of shape `[S, 2]` to `[S]`, in float32 or float64;
        or a distribution, for its `log_prob`.
      limits: `(low, high)` of both axes, or such a pair for each.
      resolution: number of grid points per axis.
      vmax: density of the darkest colour; `None` is the highest on the grid.

    Returns:
      `ax`.
    """
    _, density = density_on_grid(log_prob_fn, limits, resolution=resolution)
    return plot_grid_density(ax, density, limits, vmax=vmax)


def density_on_grid(
    log_prob_fn: _Density, limits: npt.ArrayLike, *, resolution: int = 400
) -> tuple[np.ndarray, np.ndarray]:
    """The density exp(log_prob_fn) on a grid.

    Args:
      log_prob_fn: as for `plot_density`.
      limits: as for `plot_density`.
      resolution: number of grid points per axis.

    Returns:
      The coordinates `[resolution]` of both axes (`[2, resolution]` where `limits` has a
      pair for each), and the density `[resolution, resolution]`, by z_2 and z_1.
    """
    dtype = getattr(log_prob_fn, "dtype", tf.float32)
    low, high = np.broadcast_to(limits, [2, 2]).T
    axes = np.linspace(low, high, resolution).T
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape([-1, 2])
    if hasattr(log_prob_fn, "log_prob"):
        # As a graph: the inverse of a long flow at 160,000 points is 5 times as fast. One
        # concrete function: a tf.function, new in each call, would warn of retracing.
        function = tf.function(log_prob_fn.log_prob, autograph=False)
        log_prob_fn = function.get_concrete_function(tf.TensorSpec([None, 2], dtype))
    log_density = [
        log_prob_fn(tf.constant(grid[start : start + _POINTS_AT_ONCE], dtype))
        for start in range(0, len(grid), _POINTS_AT_ONCE)
    ]
    density = np.exp(np.concatenate(log_density)).reshape([resolution, resolution])
    return axes if np.ndim(limits) == 2 else axes[0], density


def plot_grid_density(
    ax: Axes, density: np.ndarray, limits: npt.ArrayLike, *, vmax: float | None = None
) -> Axes:
    """Draws a density that is known on a grid, as `density_on_grid` returns it.

    Args:
      ax: `matplotlib.axes.Axes`.
      density: array of shape `[resolution, resolution]`, by z_2 and z_1.
      limits: as for `plot_density`.
      vmax: density of the darkest colour; `None` is the highest on the grid.

    Returns:
      `ax`.
    """
    return _plot_cells(ax, density, limits, vmax, interpolation="bilinear")


def plot_empirical_density(
    ax: Axes,
    samples: npt.ArrayLike,
    limits: npt.ArrayLike,
    *,
    bins: int = 100,
    vmax: float | None = None,
) -> Axes:
    """Draws the density of samples: their number per cell over that of all and the area.

    Args:
      ax: `matplotlib.axes.Axes`.
      samples: array of shape `[S, 2]`; those outside `limits` count too.
      limits: as for `plot_density`.
      bins: number of cells per axis.
      vmax: density of the darkest colour; `None` is the highest of the cells.

    Returns:
      `ax`.
    """
    x, y = np.asarray(samples).T
    limits_by_axis = np.broadcast_to(limits, [2, 2])
    counts, _, _ = np.histogram2d(x, y, bins=bins, range=limits_by_axis)
    area = np.prod(limits_by_axis[:, 1] - limits_by_axis[:, 0]) / bins**2
    density = counts.T / (len(x) * area)
    return _plot_cells(ax, density, limits, vmax, interpolation="nearest")


def _plot_cells(
    ax: Axes,
    density: np.ndarray,
    limits: npt.ArrayLike,
    vmax: float | None,
    *,
    interpolation: str,
) -> Axes:
    (left, right), (bottom, top) = np.broadcast_to(limits, [2, 2])
    ax.imshow(
        density,
        origin="lower",
        extent=(left, right, bottom, top),
        interpolation=interpolation,
        cmap=DENSITY_COLORS,
        vmin=0.0,
        vmax=vmax,
    )
    return frame(ax, limits)
