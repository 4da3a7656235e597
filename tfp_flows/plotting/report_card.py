"""The fit of a flow on one page."""

import numpy as np
import numpy.typing as npt
import tensorflow_probability as tfp
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tfp_flows.plotting.planes import plot_density
from tfp_flows.plotting.points import plot_samples
from tfp_flows.plotting.style import INK
from tfp_flows.plotting.traces import plot_loss


def draw_report_card(
    figure: Figure,
    flow: tfp.distributions.Distribution,
    samples: npt.ArrayLike,
    log_weights: npt.ArrayLike,
    *,
    loss: npt.ArrayLike | None = None,
    log_normalizer: float | None = None,
    limits: npt.ArrayLike | None = None,
) -> np.ndarray:
    """Draws density, samples, loss and importance weights of a fitted flow.

    Args:
      figure: `matplotlib.figure.Figure`, empty.
      flow: `tfd.Distribution` of event shape `[2]`.
      samples: array `[S, 2]`, of the flow.
      log_weights: array `[N]`, log p~ - log q of samples of the flow, as
        `tff.diagnostics.evaluate` returns them.
      loss: array `[num_steps]`, the loss of each step in nats; `None` leaves it out.
      log_normalizer: log Z of the target, which makes the loss a KL; `None` if unknown.
      limits: `(low, high)` of both axes of the plane; `None` fits the samples.

    Returns:
      Array of `matplotlib.axes.Axes`: density, samples, weights, and loss if given.

    Raises:
      ValueError: if the samples are no points of the plane.
    """
    samples = np.asarray(samples)
    if samples.ndim != 2 or samples.shape[1] != 2:
        raise ValueError(
            "A report card is for flows in the plane, samples [S, 2], but got samples "
            f"of shape {samples.shape}; print the evaluation instead."
        )
    if limits is None:
        reach = 1.1 * float(np.quantile(np.abs(samples), 0.999))
        limits = (-reach, reach)
    axes = figure.subplots(1, 3 if loss is None else 4)
    plot_density(axes[0], flow, limits)
    axes[0].set_title("Density of the flow")
    plot_samples(axes[1], samples, limits, size=3.0)
    axes[1].set_title("Samples")
    _plot_weights(axes[2], np.asarray(log_weights))
    if loss is not None:
        window = max(1, np.size(loss) // 100)
        plot_loss(axes[3], loss, log_normalizer=log_normalizer or 0.0, window=window)
        axes[3].set(ylabel="negative ELBO (nats)", title="Loss")
        if log_normalizer is not None:
            axes[3].set(ylabel="KL (nats)", yscale="log")
    return axes


def _plot_weights(ax: Axes, log_weights: np.ndarray) -> None:
    """A histogram of the weights over their mean, on a logarithmic axis."""
    finite = log_weights[np.isfinite(log_weights)]
    log_mean = np.logaddexp.reduce(finite) - np.log(len(log_weights))
    ratios = (finite - log_mean) / np.log(10.0)
    edges = np.linspace(np.min(ratios), np.max(ratios), 60)
    counts, _ = np.histogram(ratios, bins=edges)
    ax.stairs(counts, 10.0**edges, fill=True, color=INK)
    ax.axvline(1.0, color="0.5", lw=1)
    ax.set(xscale="log", yscale="log", xlabel="weight / mean weight", ylabel="samples")
    ax.set_title("Importance weights")
