"""Distributions of one number."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes


def plot_histogram(
    ax: Axes,
    samples: npt.ArrayLike,
    *,
    bins: int = 60,
    density_fn: Callable[[np.ndarray], npt.ArrayLike] | None = None,
    label: str = "samples",
) -> Axes:
    """Draws the histogram of samples, as a density, and the density it should have.

    Args:
      ax: `matplotlib.axes.Axes`.
      samples: array of shape `[S]`.
      bins: number of bins.
      density_fn: callable, array `[n]` to `[n]`, drawn as a line; `None` draws none.
      label: text of the samples in the legend.

    Returns:
      `ax`.
    """
    samples = np.asarray(samples)
    ax.hist(samples, bins=bins, density=True, color="0.8", label=label)
    if density_fn is not None:
        x = np.linspace(np.min(samples), np.max(samples), 400)
        ax.plot(x, density_fn(x), label="density")
    ax.set(xlabel="value", ylabel="density")
    return ax


def plot_intervals(
    ax: Axes, samples: Mapping[str, npt.ArrayLike], names: Sequence[str]
) -> Axes:
    """Draws the median, 50 % and 90 % intervals of several quantities by several methods.

    Args:
      ax: `matplotlib.axes.Axes`.
      samples: `dict`, method to array of shape `[S, len(names)]`.
      names: names of the quantities, from top to bottom.

    Returns:
      `ax`.
    """
    height = np.arange(len(names))
    for index, (method, values) in enumerate(samples.items()):
        low, lower, median, upper, high = np.quantile(
            np.asarray(values), [0.05, 0.25, 0.5, 0.75, 0.95], axis=0
        )
        at = height + 0.2 * (index - 0.5 * (len(samples) - 1))
        color = f"C{index}"
        ax.hlines(at, low, high, color=color, lw=1.0)
        ax.hlines(at, lower, upper, color=color, lw=3.5)
        ax.plot(median, at, "o", color=color, ms=5.0, mec="white", label=method)
    ax.set_yticks(height, names)
    ax.invert_yaxis()
    return ax
