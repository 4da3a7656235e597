"""Draws of a flow with weights that make them draws of the target."""

import dataclasses

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics
from tfp_flows.density import as_density, check_single_flow
from tfp_flows.types import LogProbFn, Seed


@dataclasses.dataclass(frozen=True, eq=False)
class ImportanceSamples:
    """Samples of a proposal with Pareto-smoothed importance weights (PSIS, [1]).

    Attributes:
      samples: `[num_samples, D]` array.
      log_weights: `[num_samples]` float64 array, smoothed and normalised: their
        exponentials sum to 1. -inf outside the target's support.
      khat: shape of the Pareto tail of the raw weights; above 0.7 averages with these
        weights cannot be trusted.
      pool_ess: of draws by weight, the `ess` of the samples that they were drawn from;
        else `None`.

    #### References

    [1]: A. Vehtari et al. Pareto smoothed importance sampling. JMLR 25(72), 2024.
    """

    samples: np.ndarray
    log_weights: np.ndarray
    khat: float
    pool_ess: float | None = None

    @property
    def ess(self) -> float:
        """Effective number of samples, 1 / sum of the squared weights (Kong 1992).

        Of n draws by weight, whose means have the error of the draw and that of the
        samples that they were drawn from, 1 / (1 / n + 1 / `pool_ess`).
        """
        inverse = np.sum(np.exp(2.0 * self.log_weights))
        if self.pool_ess is not None:
            inverse += 1.0 / self.pool_ess
        return float(1.0 / inverse)

    def resample(self, n: int, seed: Seed = None) -> np.ndarray:
        """Draws, with replacement and by weight, that need no weights any more.

        Args:
          n: number of draws; to be small beside `ess`.
          seed: `int` or stateless TFP seed; `None` draws a new one.

        Returns:
          `[n, D]` array.

        Raises:
          ValueError: if `n` is no integer >= 1.
        """
        return self.samples[numerics.draw_rows(self.log_weights, n, seed)]


def importance_sample(
    flow: tfd.Distribution,
    target_log_prob_fn: LogProbFn | tfd.Distribution,
    *,
    num_samples: int,
    seed: Seed = None,
) -> ImportanceSamples:
    """Samples `flow`, and weighs the samples by the target.

    #### Example

    ```python
    draws = tff.mcmc.importance_sample(flow, target, num_samples=10_000, seed=0)
    mean = np.exp(draws.log_weights) @ draws.samples
    ```

    Args:
      flow: `tfd.Distribution` with `experimental_sample_and_log_prob`, event shape `[D]`,
        without batch.
      target_log_prob_fn: callable, `[S, D]` to `[S]`, the log density up to a constant;
        or a distribution of vectors.
      num_samples: number of samples, at least 100. They are drawn and weighed in batches,
        which bounds memory but for the samples themselves.
      seed: `int` or stateless TFP seed; `None` draws a new one.

    Returns:
      `ImportanceSamples`.

    Raises:
      TypeError: if `flow` is no distribution, or the target returns another dtype.
      ValueError: if `num_samples < 100`, the flow is a batch, the flow or the target is
        over other vectors, or the target returns another shape than `[S]`, or is NaN,
        +inf, or nowhere positive at the samples.
    """
    num_samples = numerics.check_size("num_samples", num_samples)
    if num_samples < 100:
        raise ValueError(
            f"`num_samples` must be at least 100 to smooth a tail, but got {num_samples}."
        )
    density, seed = as_density(target_log_prob_fn).exact(), numerics.stateless_seed(seed)
    check_single_flow(flow, density)
    density.check(flow.sample(100, seed=seed))
    samples, log_ratios = [], []
    for start in range(0, num_samples, numerics.MOST_POINTS):
        size = min(numerics.MOST_POINTS, num_samples - start)
        x, log_q = flow.experimental_sample_and_log_prob(size, seed=seed)
        log_p = numerics.in_batches(density, x, numerics.FEW_POINTS)
        samples.append(x.numpy())
        log_ratios.append(log_p.astype(np.float64) - np.asarray(log_q, np.float64))
        seed = tfp.random.split_seed(seed, n=1, salt="importance_sample")[0]
    log_weights, khat = numerics.psis(np.concatenate(log_ratios))
    return ImportanceSamples(np.concatenate(samples), log_weights, khat)


def importance_resample(
    flow: tfd.Distribution,
    target_log_prob_fn: LogProbFn | tfd.Distribution,
    num_samples: int,
    *,
    num_proposals: int | None = None,
    seed: Seed = None,
) -> ImportanceSamples:
    """Sampling importance resampling: draws of the target out of many of `flow`.

    The proposals are drawn, weighed and smoothed by `importance_sample`, and
    `num_samples` of them drawn by weight, with replacement.

    Args:
      flow: as of `importance_sample`.
      target_log_prob_fn: as of `importance_sample`.
      num_samples: number of draws, n.
      num_proposals: how many samples of the flow; `None` is `10 * num_samples`, at least
        10,000.
      seed: `int` or stateless TFP seed; `None` draws a new one.

    Returns:
      `ImportanceSamples` of equal weights, `log_weights` of -log n; `khat` and `pool_ess`
      are those of the proposals.

    Raises:
      TypeError: as of `importance_sample`.
      ValueError: as of `importance_sample`, or if `num_samples` is no integer >= 1, or
        `num_proposals` none >= 100.
    """
    num_samples = numerics.check_size("num_samples", num_samples)
    if num_proposals is None:
        num_proposals = max(10 * num_samples, 10_000)
    num_proposals = numerics.check_size("num_proposals", num_proposals, least=100)
    seed = numerics.stateless_seed(seed)
    proposals = importance_sample(
        flow, target_log_prob_fn, num_samples=num_proposals, seed=seed
    )
    draw_seed = tf.random.experimental.stateless_fold_in(seed, 1)
    return ImportanceSamples(
        proposals.resample(num_samples, draw_seed),
        np.full(num_samples, -np.log(num_samples)),
        proposals.khat,
        proposals.ess,
    )
