"""Samples of a flow and their importance weights."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.diagnostics.target import Target
from tfp_flows.numerics import MOST_POINTS


@dataclasses.dataclass(frozen=True)
class Draws:
    """Samples of q with their weights.

    Attributes:
      samples: `[min(S, 65,536), D]` array, the first ones, or all S that were to be kept.
      log_weights: `[S]` float64 array, log p - log q.
      mode_mass: share of the samples in each mode, a list, else `None`.
      rounding: by how many nats a log weight may be rounded.
    """

    samples: np.ndarray
    log_weights: np.ndarray
    mode_mass: list[float] | None
    rounding: float


def draw(
    flow: tfd.Distribution,
    target: Target,
    modes: Any,
    num_samples: int,
    *,
    keep: bool,
    seed: tf.Tensor,
) -> Draws:
    """Draws `num_samples` of `flow`, in batches, and evaluates `target` there.

    Raises:
      ValueError: if a weight is NaN or +inf.
    """
    samples, weights, masses, rounding = [], [], [], 0.0
    for index in range(math.ceil(num_samples / MOST_POINTS)):
        x, log_q = _draw_batch(flow, index, num_samples, seed)
        log_p = target.log_prob(x)
        log_weights = log_p - np.asarray(log_q, np.float64)
        is_bad = np.isnan(log_weights) | (log_weights == np.inf)
        if np.any(is_bad):
            raise ValueError(
                f"The target or the flow is NaN or infinite at {np.sum(is_bad)} of "
                f"{len(log_weights)} samples, for example at {np.asarray(x)[is_bad][0]}; "
                "there is nothing to judge. Fit the flow again, or mend the target there."
            )
        left = num_samples - index * MOST_POINTS
        weights.append(log_weights[:left])
        rounding = max(rounding, target.rounding(log_p))
        if modes is not None:
            masses.append(modes.mode_responsibilities(x).numpy()[:left])
        if keep or index == 0:
            samples.append(x.numpy()[:left])
    return Draws(
        np.concatenate(samples),
        np.concatenate(weights),
        [float(m) for m in np.concatenate(masses).mean(axis=0)] if masses else None,
        rounding,
    )


def all_samples(
    draws: Draws, flow: tfd.Distribution, seed: tf.Tensor
) -> Iterator[np.ndarray]:
    """All samples of `draw`, in batches `[B, D]`; those not kept are drawn again.

    Args:
      draws: what `draw` has returned.
      flow: `tfd.Distribution`, as it was given.
      seed: stateless seed, as it was given.
    """
    num_samples = len(draws.log_weights)
    for index, first in enumerate(range(0, num_samples, MOST_POINTS)):
        if first < len(draws.samples):
            yield draws.samples[first : first + MOST_POINTS]
        else:
            x, _ = _draw_batch(flow, index, num_samples, seed)
            yield x.numpy()[: num_samples - first]


def _draw_batch(
    flow: tfd.Distribution, index: int, num_samples: int, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Samples of one size for all batches, and their log densities."""
    return flow.experimental_sample_and_log_prob(
        min(MOST_POINTS, num_samples),
        seed=tf.random.experimental.stateless_fold_in(seed, index),
    )
