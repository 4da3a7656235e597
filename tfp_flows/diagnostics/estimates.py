"""What the importance weights of a flow's samples say of its fit."""

import math
from typing import Any

import numpy as np


def estimates(log_weights: np.ndarray) -> dict[str, Any]:
    """ELBO, log evidence, their gap and ESS, with standard errors.

    Args:
      log_weights: `[S]` float64 array, log p~ - log q at samples of q, -inf outside the
        support of p.

    Returns:
      Fields of `Evaluation`.

    Raises:
      ValueError: if fewer than 100 weights are positive.
    """
    is_inside = np.isfinite(log_weights)
    n, share = len(log_weights), float(np.mean(is_inside))
    if np.sum(is_inside) < 100:
        raise ValueError(
            f"Only {np.sum(is_inside)} of {n} samples of the flow lie where the target "
            "is positive; there is nothing to judge. Fit the flow to this target first."
        )
    # Restricting q to the support divides it by `share`.
    mean = np.mean(log_weights[is_inside])
    elbo = mean + math.log(share)
    highest = np.max(log_weights)
    weights = np.exp(log_weights - highest)
    relative = weights / np.mean(weights)
    # What each sample adds to ELBO and log evidence, by the delta method.
    to_elbo = (np.where(is_inside, log_weights - mean + 1.0, 0.0) - share) / share
    to_evidence = relative - 1.0

    def standard_error(influence: np.ndarray) -> float:
        return float(np.std(influence, ddof=1) / math.sqrt(n))

    return dict(
        elbo=float(elbo),
        elbo_standard_error=standard_error(to_elbo),
        log_evidence=float(highest + math.log(np.mean(weights))),
        log_evidence_standard_error=standard_error(to_evidence),
        gap_standard_error=standard_error(to_evidence - to_elbo),
        ess=float(np.sum(weights) ** 2 / np.sum(weights**2)),
        support_mass=share,
    )
