"""What happens step by step: losses of a fit, chains of a sampler."""

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes


def plot_loss(
    ax: Axes,
    loss: npt.ArrayLike,
    *,
    log_normalizer: float = 0.0,
    window: int = 100,
    label: str | None = None,
) -> Axes:
    """Draws the loss of a fit, as the median over windows of steps.

    Args:
      ax: `matplotlib.axes.Axes`.
      loss: array of shape `[num_steps]`, in nats.
      log_normalizer: log Z of the target, which makes a negative ELBO the KL.
      window: number of steps per point; the median leaves single bad steps out.
      label: text of the legend.

    Returns:
      `ax`.
    """
    loss = np.asarray(loss, np.float64) + log_normalizer
    window = min(window, len(loss))
    num_windows = len(loss) // window
    medians = np.median(loss[: num_windows * window].reshape([-1, window]), axis=-1)
    ax.plot((np.arange(num_windows) + 0.5) * window, medians, label=label)
    ax.set(xlabel="step", ylabel="loss (nats)")
    return ax


def plot_traces(ax: Axes, samples: npt.ArrayLike, *, num_samples: int = 500) -> Axes:
    """Draws the path of each chain in one coordinate.

    Args:
      ax: `matplotlib.axes.Axes`.
      samples: array of shape `[num_samples, num_chains]`.
      num_samples: how many of them to draw, the first ones.

    Returns:
      `ax`.
    """
    samples = np.asarray(samples)
    ax.plot(samples[:num_samples], lw=0.7)
    ax.set(xlabel="sample", ylabel="$z_1$", xlim=(0, min(num_samples, len(samples))))
    return ax


def plot_autocorrelation(ax: Axes, autocorrelation: npt.ArrayLike) -> Axes:
    """Draws the autocorrelation of chains, a line for each dimension.

    Args:
      ax: `matplotlib.axes.Axes`.
      autocorrelation: array of shape `[max_lag + 1, D]`, as of
        `tff.mcmc.ChainResult.autocorrelation`.

    Returns:
      `ax`.
    """
    values = np.asarray(autocorrelation)
    ax.axhline(0.0, color="0.7", lw=0.7)
    for dimension, line in enumerate(values.T, start=1):
        ax.plot(line, label=f"$x_{{{dimension}}}$")
    ax.set(xlabel="lag", ylabel="autocorrelation", xlim=(0, max(len(values) - 1, 1)))
    return ax
