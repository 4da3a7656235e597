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
        proposals among the transitions that led to `samples`; burn-in does not count. Of
        Hamiltonian chains, their mean acceptance probability.
      num_burnin: number of transitions per chain before the first sample.
      seconds: wall time of the run, tracing and compilation included.
      settings: `dict`, every argument of the run as plain Python values.
      proposal_scale: standard deviation of the proposals of a random walk in the
        sampling phase; the geometric mean over dimensions, where these have their own.
        `None` of other samplers.
      proposal_scales: `[D]` float array, the standard deviation in each dimension.
      step_size: of Hamiltonian chains, in the sampling phase, else `None`.
      sample_stats: name = `[num_samples, num_chains]` array, what the sampler knows of
        each kept sample, by ArviZ's names: `lp`, the log density of the target,
        `acceptance_rate`, `diverging`, `n_steps`.
      mode_mass: `[M]` array, the share of the samples in each mode that the target
        declares, else `None`.
      mode_crossings: `[num_chains]` int array, how often a chain is in another of these
        modes than at the sample before, else `None`.
    """

    samples: np.ndarray
    acceptance_rate_per_chain: np.ndarray
    num_burnin: int
    seconds: float
    settings: dict
    proposal_scale: float | None = None
    proposal_scales: np.ndarray | None = None
    step_size: float | None = None
    sample_stats: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    mode_mass: np.ndarray | None = None
    mode_crossings: np.ndarray | None = None

    @property
    def acceptance_rate(self) -> float:
        """The mean acceptance rate over chains, a `float`."""
        return float(np.mean(self.acceptance_rate_per_chain))

    @property
    def num_divergences(self) -> int:
        """How many transitions to kept samples diverged, of Hamiltonian chains."""
        return int(np.sum(self.sample_stats.get("diverging", 0)))

    @property
    def ess_per_second(self) -> np.ndarray:
        """`ess` by `seconds`, burn-in and compilation included, `[D]` float array."""
        return self.ess / self.seconds

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

    def autocorrelation(self, max_lag: int = 50) -> np.ndarray:
        """How far samples depend on those before, to be drawn by `plotting`.

        Args:
          max_lag: largest lag; at most one less than there are samples per chain.

        Returns:
          `[max_lag + 1, D]` float array, the mean over chains, 1 at lag 0.

        Raises:
          ValueError: if `max_lag` is out of range.
        """
        max_lag = numerics.check_size("max_lag", max_lag, least=0)
        if max_lag >= len(self.samples):
            raise ValueError(
                f"`max_lag` must be below the number of samples per chain, "
                f"{len(self.samples)}, but got {max_lag}."
            )
        return numerics.autocorrelation(self.samples, max_lag)

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
        rows = numerics.numpy_generator(seed).choice(len(flat), n, replace=False)
        return flat[rows]

    def thin(self, step: int) -> "ChainResult":
        """Every `step`-th sample of each chain, the last one of each `step` samples.

        Args:
          step: number of samples of which one is kept.

        Returns:
          `ChainResult`, whose other attributes are still those of the whole run.

        Raises:
          ValueError: if `step` is no integer from 1 to the number of samples.
        """
        step = numerics.check_size("step", step)
        if step > len(self.samples):
            raise ValueError(
                f"`step` must be at most the number of samples per chain, "
                f"{len(self.samples)}, but got {step}."
            )
        if step == 1:
            return self
        stats = {k: value[step - 1 :: step] for k, value in self.sample_stats.items()}
        samples = self.samples[step - 1 :: step]
        return dataclasses.replace(self, samples=samples, sample_stats=stats)

    def to_arviz(self) -> "arviz.InferenceData":
        """The samples for ArviZ, which draws traces and ranks of them, and much else.

        ```python
        data = chains.to_arviz()
        arviz.plot_trace(data)
        arviz.plot_rank(data)
        ```

        Returns:
          `arviz.InferenceData` with the variable `x` of dimensions `(chain, draw, dim)`
          in its posterior, the other results as attributes of that group, and
          `sample_stats`, as far as the sampler has any.
        """
        attributes = {
            "inference_library": "tfp_flows",
            "acceptance_rate": self.acceptance_rate,
            "proposal_scale": self.proposal_scale,
            "step_size": self.step_size,
            "num_burnin": self.num_burnin,
            "sampling_time": self.seconds,
        }
        stats = {k: np.swapaxes(value, 0, 1) for k, value in self.sample_stats.items()}
        return numerics.load_arviz().from_dict(
            posterior={"x": np.swapaxes(self.samples, 0, 1)},
            sample_stats=stats or None,
            dims={"x": ["dim"]},
            # NetCDF has no None.
            posterior_attrs={k: v for k, v in attributes.items() if v is not None},
        )

    def __str__(self) -> str:
        num_samples, num_chains, event_size = self.samples.shape
        rate = f"acceptance rate {self.acceptance_rate:.3f}"
        if self.proposal_scale is not None:
            rate += f" at proposal scale {self.proposal_scale:.4g}"
        if self.step_size is not None:
            rate += (
                f" at step size {self.step_size:.4g}, {self.num_divergences} divergences"
            )
        lines = [
            f"{num_chains} chains of {num_samples} samples in {event_size} dimensions, "
            f"after {self.num_burnin} burn-in steps, in {self.seconds:.1f} s",
            rate,
            f"worst dimension: bulk ESS {np.min(self.ess):.0f}, R-hat "
            f"{np.max(self.rhat):.3f}",
        ]
        if self.mode_mass is not None and self.mode_crossings is not None:
            shares = ", ".join(f"{mass:.3f}" for mass in self.mode_mass)
            lines.insert(
                2, f"mass of modes {shares}; {np.sum(self.mode_crossings)} crossings"
            )
        return "\n".join(lines)


def _per_dimension(function: Callable, samples: np.ndarray) -> np.ndarray:
    """`function` of the dimensions that moved, `[D]`; NaN where it is not defined."""
    values = np.full(samples.shape[-1], np.nan)
    has_moved = np.any(samples != samples[:1, :1], axis=(0, 1))
    if len(samples) >= 4 and np.any(has_moved):
        # Chains that stand still at different points have no variance within.
        with np.errstate(divide="ignore", invalid="ignore"):
            values[has_moved] = function(samples[..., has_moved])
    return values
