"""ArviZ's statistics of chains."""

import types
import warnings

import numpy as np
import numpy.typing as npt


def load_arviz() -> types.ModuleType:
    """ArviZ, imported when first needed: it takes a second that fits can do without."""
    with warnings.catch_warnings():
        # ArviZ 0.x announces 1.0 at every import.
        warnings.simplefilter("ignore", FutureWarning)
        import arviz

    return arviz


def bulk_ess(samples: npt.ArrayLike) -> np.ndarray:
    """Bulk effective sample size per dimension, `[D]`, by ArviZ.

    Vehtari et al., Rank-normalization, folding, and localization: an improved R-hat,
    Bayesian Analysis 16(2), 2021.

    Args:
      samples: float array of shape `[num_samples, num_chains, D]`.
    """
    ess = load_arviz().ess
    return np.array([float(ess(x)) for x in _chains_first(samples)])


def split_rhat(samples: npt.ArrayLike) -> np.ndarray:
    """Rank-normalised split R-hat per dimension, `[D]`, by ArviZ; see `bulk_ess`."""
    rhat = load_arviz().rhat
    return np.array([float(rhat(x)) for x in _chains_first(samples)])


def autocorrelation(samples: npt.ArrayLike, max_lag: int) -> np.ndarray:
    """Autocorrelation per dimension, the mean over chains, by ArviZ.

    Args:
      samples: float array of shape `[num_samples, num_chains, D]`.
      max_lag: largest lag, below `num_samples`.

    Returns:
      `[max_lag + 1, D]` float array, 1 at lag 0.
    """
    chains = _chains_first(samples)
    return np.mean(load_arviz().autocorr(chains, axis=-1), axis=1).T[: max_lag + 1]


def _chains_first(samples: npt.ArrayLike) -> np.ndarray:
    return np.transpose(np.asarray(samples), [2, 1, 0])
