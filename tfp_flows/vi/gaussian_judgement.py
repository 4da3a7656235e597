"""How well a Gaussian fits a target, and what of the target it does not reach."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.vi.gaussian import Gaussian
from tfp_flows.vi.natural_gradient import draw

# How many times as wide as the Gaussian samples are drawn, and how many of them.
_WIDTHS = {1.0: 4_096, 2.0: 1_024, 4.0: 1_024, 8.0: 1_024}
# Samples of the Gaussian, at least, at which the target must be finite.
_LEAST_INSIDE = 100
# Share of the Gaussian within the ellipsoid that counts as its reach.
_REACH = 0.999


def judge(
    gaussian: Gaussian,
    log_prob_fn: Callable[[tf.Tensor], np.ndarray],
    sample_size: int,
    seed: tf.Tensor,
) -> dict[str, Any]:
    """What `GaussianStart` says of its Gaussian, from fresh samples.

    Args:
      gaussian: `Gaussian`.
      log_prob_fn: callable, float64 points `[S, D]` to a float64 array `[S]`, of which
        what is not finite counts as outside the support.
      sample_size: S.
      seed: stateless TFP seed.

    Returns:
      `dict` of the fields of `GaussianStart` from `elbo` to `outside_mass`.

    Raises:
      ValueError: if the target is finite hardly anywhere.
    """
    event_size = gaussian.location.shape[0]
    log_det = np.sum(np.log(np.diag(gaussian.scale_tril)))
    log_prob, radius, counts = [], [], {}
    for width, least in _WIDTHS.items():
        wide = Gaussian(gaussian.location, width * gaussian.scale_tril)
        num_batches = math.ceil(least / sample_size)
        counts[width] = num_batches * sample_size
        seed, *seeds = tfp.random.split_seed(seed, n=num_batches + 1)
        for batch_seed in seeds:
            z, x = draw(wide, sample_size, batch_seed)
            values = log_prob_fn(x)
            log_prob.append(np.where(np.isfinite(values), values, -np.inf))
            radius.append(width * np.linalg.norm(z, axis=1))
    log_p, r = np.concatenate(log_prob), np.concatenate(radius)

    def log_q(width: float) -> np.ndarray:
        log_scale = log_det + event_size * math.log(width * math.sqrt(2.0 * math.pi))
        return -0.5 * (r / width) ** 2 - log_scale

    log_weights = (log_p - log_q(1.0))[: counts[1.0]]
    inside = log_weights[np.isfinite(log_weights)]
    if len(inside) < _LEAST_INSIDE:
        raise ValueError(
            f"The target is finite at {len(inside)} of {len(log_weights)} points of the "
            "best Gaussian found; pass a `location` around which it is finite."
        )
    support_mass = len(inside) / len(log_weights)
    # All samples together are of the mixture of the Gaussians.
    log_mixture = np.logaddexp.reduce(
        [log_q(width) + math.log(n / len(r)) for width, n in counts.items()]
    )
    log_ratios = log_p - log_mixture
    highest = np.max(log_ratios)
    ratios = np.exp(log_ratios - highest)
    is_beyond = r > np.quantile(r[: counts[1.0]], _REACH)
    return dict(
        elbo=float(np.mean(inside)) + math.log(support_mass),
        log_evidence=float(highest + math.log(np.mean(ratios))),
        **_standard_errors(log_weights, ratios, list(counts.values()), sample_size),
        khat=numerics.pareto_khat(inside),
        support_mass=support_mass,
        outside_mass=float(np.sum(ratios[is_beyond]) / np.sum(ratios)),
    )


def _standard_errors(
    log_weights: np.ndarray, ratios: np.ndarray, counts: list[int], sample_size: int
) -> dict[str, float]:
    """Those of the ELBO and of what it lacks, from batches of S points in pairs z, -z.

    Args:
      log_weights: of points of the Gaussian, -inf outside the support.
      ratios: importance weights of points of all widths, these first.
      counts: how many points each width has.
      sample_size: S.

    Returns:
      `dict` of fields of `GaussianStart`.
    """
    # What each point adds to the numbers, by the delta method.
    is_inside = np.isfinite(log_weights)
    above = log_weights - np.mean(log_weights[is_inside])
    to_elbo = np.where(is_inside, above + 1.0, 0.0) / np.mean(is_inside) - 1.0
    to_gap = ratios / np.mean(ratios) - 1.0
    to_gap[: counts[0]] -= to_elbo * len(ratios) / counts[0]

    def standard_error(values: np.ndarray) -> float:
        pairs = np.mean(np.reshape(values, [-1, 2, sample_size // 2]), axis=1)
        return float(np.std(pairs, ddof=1) / math.sqrt(pairs.size))

    of_widths = np.split(to_gap, np.cumsum(counts)[:-1])
    gap_errors = [standard_error(part) * len(part) / len(ratios) for part in of_widths]
    return dict(
        elbo_standard_error=standard_error(to_elbo),
        gap_standard_error=math.hypot(*gap_errors),
    )
