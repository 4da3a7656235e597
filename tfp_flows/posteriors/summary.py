"""Mean, spread and quantiles of draws, weighted or not."""

from typing import TYPE_CHECKING

import numpy as np

from tfp_flows.diagnostics.moments import columns_of

if TYPE_CHECKING:
    import pandas

_QUANTILES = {"5%": 0.05, "50%": 0.5, "95%": 0.95}


def summarize(
    draws: dict[str, np.ndarray], log_weights: np.ndarray
) -> "pandas.DataFrame":
    """A row per number: mean, sd, quantiles, and Monte Carlo standard errors.

    The standard errors are those of independent draws with weights (delta method, Owen
    2013, section 9.2, eq. 9.8); that of the standard deviation, of the mean of squared
    deviations.

    Args:
      draws: name = array `[n, *shape]`.
      log_weights: `[n]` array, normalised.

    Returns:
      `pandas.DataFrame`.
    """
    import pandas

    weights = np.exp(log_weights)[:, np.newaxis]
    rows, columns = columns_of(draws)
    mean = np.sum(weights * columns, axis=0)
    square = (columns - mean) ** 2
    variance = np.sum(weights * square, axis=0)
    sd = np.sqrt(variance)
    table = dict(mean=mean, sd=sd)
    table |= {
        label: _quantile(columns, weights[:, 0], share)
        for label, share in _QUANTILES.items()
    }
    table["mcse_mean"] = np.sqrt(np.sum(weights**2 * square, axis=0))
    error = np.sqrt(np.sum(weights**2 * (square - variance) ** 2, axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        table["mcse_sd"] = error / (2.0 * sd)
    return pandas.DataFrame(table, index=rows)


def _quantile(columns: np.ndarray, weights: np.ndarray, share: float) -> np.ndarray:
    """The least values with this share of the weight at or below them."""
    order = np.argsort(columns, axis=0)
    below = np.cumsum(weights[order], axis=0)
    row = np.argmax(below >= share * below[-1], axis=0)
    return np.take_along_axis(columns, order, axis=0)[row, np.arange(columns.shape[1])]
