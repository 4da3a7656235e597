"""Importance weights: their Pareto tail, and draws by weight."""

from typing import Any

import numpy as np
import numpy.typing as npt

from tfp_flows.numerics.chain_statistics import load_arviz
from tfp_flows.numerics.checks import check_size
from tfp_flows.numerics.seeds import numpy_generator

# Vehtari et al. (2024): above it, no averages with weights.
LARGEST_KHAT = 0.7


def psis(log_weights: npt.ArrayLike) -> tuple[np.ndarray, float]:
    """Pareto-smoothed importance weights, by ArviZ.

    Vehtari et al., Pareto smoothed importance sampling, JMLR 25(72), 2024.

    Args:
      log_weights: `[S]` float array, -inf where the target is 0.

    Returns:
      The normalised log weights, `[S]`, whose exponentials sum to 1; and k-hat, the shape
      of the Pareto distribution that fits the largest weights, 0 where these are equal,
      or nearly: there is no tail.

    Raises:
      ValueError: if a log weight is NaN or +inf, or all are -inf.
    """
    log_weights = np.asarray(log_weights, np.float64)
    is_bad = np.isnan(log_weights) | (log_weights == np.inf)
    if np.any(is_bad):
        raise ValueError(
            f"{np.sum(is_bad)} of {log_weights.size} log weights are NaN or +inf: the "
            "target or the flow is not finite there."
        )
    is_inside = log_weights > -np.inf
    if not np.any(is_inside):
        raise ValueError("The target is 0 at all samples of the flow.")
    inside = log_weights[is_inside]
    if _has_flat_top(inside):
        smoothed, khat = inside - np.logaddexp.reduce(inside), 0.0
    else:
        # ArviZ lets weights of the Pareto's grid overflow to 1 / inf = 0, as they should.
        with np.errstate(over="ignore"):
            smoothed, khat = load_arviz().psislw(inside)
    result = np.full(log_weights.shape, -np.inf)
    result[is_inside] = smoothed
    return result, float(khat)


def pareto_khat(log_weights: npt.ArrayLike) -> float:
    """The k-hat of `psis`, for log weights `[S]`."""
    return psis(log_weights)[1]


def _has_flat_top(log_weights: np.ndarray) -> bool:
    """Whether all weights that ArviZ fits the Pareto to are within a thousandth."""
    size = len(log_weights)
    tail = int(np.ceil(min(size / 5.0, 3.0 * np.sqrt(size))))
    cutoff = np.partition(log_weights, -tail - 1)[-tail - 1] if tail < size else -np.inf
    return bool(np.max(log_weights) - cutoff < 1e-3)


def draw_rows(log_weights: npt.ArrayLike, n: int, seed: Any) -> np.ndarray:
    """Rows drawn by weight, with replacement, `[n]` int array.

    Args:
      log_weights: `[S]` float array, up to a constant.
      n: number of draws.
      seed: `int` or stateless TFP seed; `None` draws a new one.

    Raises:
      ValueError: if `n` is no integer >= 1.
    """
    n = check_size("n", n)
    log_weights = np.asarray(log_weights, np.float64)
    weights = np.exp(log_weights - np.max(log_weights))
    probabilities = weights / np.sum(weights)
    return numpy_generator(seed).choice(len(weights), n, p=probabilities)
