"""How good a fit is: in float64, by the same formulas for every library."""

import math

import numpy as np

from benchmarks.posteriors import reference
from benchmarks.time_to_kl.densities import DENSITIES

# The name of the posterior, and how many samples a fit is judged by.
POSTERIOR = "eight_schools_noncentered"
NUM_SAMPLES = 100_000


def judge(target, x, log_q, folder):
    """How far samples of a fit are from their target.

    Args:
      target: a name of `DENSITIES`.
      x: `[N, D]`, samples of the fit.
      log_q: `[N]`, its log density there; not used of a posterior.
      folder: that of the posteriors' data.

    Returns:
      `dict` with `distance`: the KL divergence E_q[log q - log p], or, of a posterior,
      the worst error of a mean in standard deviations, or of the logarithm of a standard
      deviation. `None` if a number is not finite. A KL has its standard error.
    """
    x = np.asarray(x, np.float64)
    density = DENSITIES[target]
    if density.log_normalizer is None:
        worst = max(_errors_of_moments(x, reference.read(POSTERIOR, folder)))
        return dict(distance=worst if math.isfinite(worst) else None)
    log_p = density.log_prob(np, x) - density.log_normalizer
    difference = np.asarray(log_q, np.float64) - log_p
    if not np.all(np.isfinite(difference)):
        return dict(distance=None)
    standard_error = np.std(difference) / np.sqrt(len(difference))
    return dict(distance=float(np.mean(difference)), standard_error=float(standard_error))


def _errors_of_moments(x, found):
    draws = dict(mu=x[:, 0], tau=np.exp(x[:, 1]), theta_trans=x[:, 2:])
    values = reference.parameters(POSTERIOR, found.data, draws)
    return reference.errors(found, *reference.moments(values))
