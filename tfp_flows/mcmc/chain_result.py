"""What a run of Markov chains returns."""

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tfp_flows import numerics
from tfp_flows.types import Seed

if TYPE_CHECKING:
    import arviz


@dataclasses.dataclass(frozen=True, eq=False)
class ChainResult:
    """Samples of Markov chains with their diagnostics.

    Attributes:
      samples: `[num_samples, num_chains, D]` float array; of chains of bfloat16, float32.
      acceptance_rate_per_chain: `[num_chains]` float array, the share of accepted
        proposals among the transitions that led to `samples`; burn-in does not count.
      proposal_scale: standard deviation of the proposals in the sampling phase; the
        geometric mean over dimensions, where these have their own.
      num_burnin: number of transitions per chain before the first sample.
      seconds: wall time of the run, tracing and compilation included.
      settings: `dict`, every argument of the run as plain Python values.
      proposal_scales: `[D]` float array, the standard deviation in each dimension.
    """

    samples: np.ndarray
    acceptance_rate_per_chain: np.ndarray
    proposal_scale: float
    num_burnin: int
    seconds: float
    settings: dict
    proposal_scales: np.ndarray | None = None

    @property
    def acceptance_rate(self) -> float:
        """The mean acceptance rate over chains, a `float`."""
        return float(np.mean(self.acceptance_rate_per_chain))

    @functools.cached_property
    def ess(self) -> np.ndarray:
        """Bulk effective sample size of each dimension, `[D]` float array.

        Of all chains together, by ArviZ, after [1]. NaN for fewer than 4 samples
        per chain. Also NaN where all samples are equal, for which ArviZ returns
        the number of samples: chains that never moved are no independent draws.

        #### References

        [1]: A. Vehtari, A. Gelman, D. Simpson, B. Carpenter and P.-C. Bürkner.
             Rank-normalization, folding, and localization: an improved R-hat for
             assessing convergence of MCMC. Bayesian Analysis 16(2), 2021.
        """
        return _per_dimension(numerics.bulk_ess, self.samples)

    @functools.cached_property
    def rhat(self) -> np.ndarray:
        """Rank-normalised split R-hat of each dimension, `[D]` float array.

        By ArviZ, after the reference of `ess`, which advises values below 1.01,
        for few and long chains. It cannot fall much below 1 + 1 / (2 n), with n the ESS
        of half a chain: many short chains may be at their target and still be above.
        ArviZ needs two chains: a single one is cut into halves first, so that its
        quarters are compared. NaN for fewer than 4 samples per chain (8 of a single
        one), and where all samples are equal.
        """
        samples = self.samples
        if samples.shape[1] == 1:
            half = len(samples) // 2
            parts = samples[:half], samples[len(samples) - half :]
            samples = np.concatenate(parts, axis=1)
        return _per_dimension(numerics.split_rhat, samples)

    def draw(self, n: int, seed: Seed = None) -> np.ndarray:
        """Draws without replacement from the samples of all chains.

        Args:
          n: number of draws, at most `num_samples * num_chains`.
          seed: `int` or stateless TFP seed; `None` draws a new one.

        Returns:
          `[n, D]` float array.

        Raises:
          ValueError: if `n` is no integer >= 1, or more than there are samples.
        """
        n = numerics.check_size("n", n)
        flat = self.samples.reshape(-1, self.samples.shape[-1])
        if n > len(flat):
            raise ValueError(
                f"`n` must be at most the number of samples, {len(flat)}, as draws are "
                f"without replacement, but got {n}; run more chains or longer ones."
            )
        bits = numerics.stateless_seed(seed).numpy().view(np.uint32)
        return flat[np.random.default_rng(bits).choice(len(flat), n, replace=False)]

    def to_arviz(self) -> "arviz.InferenceData":
        """The samples for ArviZ.

        Returns:
          `arviz.InferenceData` with the variable `x` of dimensions `(chain, draw, dim)`
          in its posterior, and the other results as attributes of that group.
        """
        return numerics.load_arviz().from_dict(
            posterior={"x": np.swapaxes(self.samples, 0, 1)},
            dims={"x": ["dim"]},
            posterior_attrs={
                "inference_library": "tfp_flows",
                "acceptance_rate": self.acceptance_rate,
                "proposal_scale": self.proposal_scale,
                "num_burnin": self.num_burnin,
                "sampling_time": self.seconds,
            },
        )

    def __str__(self) -> str:
        num_samples, num_chains, event_size = self.samples.shape
        return (
            f"{num_chains} chains of {num_samples} samples in {event_size} dimensions, "
            f"after {self.num_burnin} burn-in steps, in {self.seconds:.1f} s\n"
            f"acceptance rate {self.acceptance_rate:.3f} at proposal scale "
            f"{self.proposal_scale:.4g}\n"
            f"worst dimension: bulk ESS {np.min(self.ess):.0f}, R-hat "
            f"{np.max(self.rhat):.3f}"
        )


def _per_dimension(function: Callable, samples: np.ndarray) -> np.ndarray:
    """`function` of the dimensions that moved, `[D]`; NaN where it is not defined."""
    values = np.full(samples.shape[-1], np.nan)
    has_moved = np.any(samples != samples[:1, :1], axis=(0, 1))
    if len(samples) >= 4 and np.any(has_moved):
        # Chains that stand still at different points have no variance within.
        with np.errstate(divide="ignore", invalid="ignore"):
            values[has_moved] = function(samples[..., has_moved])
    return values
