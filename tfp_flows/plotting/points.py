"""Points and lines in the plane, and where a map takes them."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from matplotlib.axes import Axes
from matplotlib.typing import ColorType

from tfp_flows.plotting.style import INK, QUADRANT_COLORS


def plot_samples(
    ax: Axes,
    samples: npt.ArrayLike,
    limits: npt.ArrayLike,
    *,
    size: float = 6.0,
    color: ColorType | np.ndarray = INK,
) -> Axes:
    """Draws samples as points.

    Args:
      ax: `matplotlib.axes.Axes`.
      samples: array of shape `[S, 2]`.
      limits: as for `plot_density`.
      size: area of a point, in points squared.
      color: matplotlib colour, or one per sample.

    Returns:
      `ax`.
    """
    samples = np.asarray(samples)
    ax.scatter(samples[:, 0], samples[:, 1], s=size, color=color, alpha=0.6, lw=0)
    return frame(ax, limits)


def plot_by_quadrant(
    ax: Axes,
    points: npt.ArrayLike,
    start: npt.ArrayLike,
    limits: npt.ArrayLike,
    *,
    size: float = 6.0,
) -> Axes:
    """Draws points in the colour of the quadrant that they started from.

    Args:
      ax: `matplotlib.axes.Axes`.
      points: array of shape `[S, 2]`, where they are now.
      start: array of shape `[S, 2]`, where they came from.
      limits: as for `plot_density`.
      size: area of a point, in points squared.

    Returns:
      `ax`.
    """
    is_right, is_upper = np.asarray(start).T > 0.0
    color = np.array(QUADRANT_COLORS)[2 * is_upper + is_right]
    return plot_samples(ax, points, limits, size=size, color=color)


def plot_deformed_grid(
    ax: Axes,
    forward_fn: Callable[[tf.Tensor], tf.Tensor],
    grid_limits: tuple[float, float],
    limits: npt.ArrayLike,
    *,
    num_lines: int = 21,
    color: ColorType = INK,
) -> Axes:
    """Draws what a map of the plane makes of a square grid of lines.

    Args:
      ax: `matplotlib.axes.Axes`.
      forward_fn: callable, `Tensor` of shape `[S, 2]` to `[S, 2]`; or a bijector.
      grid_limits: `(low, high)` of both axes, the extent of the grid before the map.
      limits: as for `plot_density`, of the picture.
      num_lines: number of lines in each direction.
      color: matplotlib colour.

    Returns:
      `ax`.
    """
    along = np.linspace(*grid_limits, 401)
    across = np.linspace(*grid_limits, num_lines)
    vertical = np.stack(np.meshgrid(across, along, indexing="ij"), axis=-1)
    lines = np.concatenate([vertical, vertical[..., ::-1]])
    points = tf.constant(lines.reshape([-1, 2]), getattr(forward_fn, "dtype", tf.float32))
    moved = np.asarray(forward_fn(points)).reshape(lines.shape)
    ax.plot(*moved.transpose([2, 1, 0]), color=color, lw=0.6)
    return frame(ax, limits)


def frame(ax: Axes, limits: npt.ArrayLike) -> Axes:
    """Equal aspect and the ranges of the axes; returns `ax`."""
    xlim, ylim = np.broadcast_to(limits, [2, 2])
    ax.set(xlim=xlim, ylim=ylim, aspect="equal")
    ax.set(xlabel="$z_1$", ylabel="$z_2$")
    return ax
