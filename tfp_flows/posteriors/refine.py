"""Draws of a target out of a fitted flow, however well it fits."""

import dataclasses
import time
import warnings
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows import diagnostics, mcmc, numerics
from tfp_flows.density import Density, as_density, check_events
from tfp_flows.diagnostics import Evaluation
from tfp_flows.mcmc.flow_chains import FlowChains
from tfp_flows.types import LogProbFn, Seed

# Chains are at the target where no R-hat is above, as Vehtari et al. (2021) advise.
_RHAT = 1.01
# Where R-hat is above, another kind of chains is tried beside.
_HOPEFUL = 1.05
# Many chains cost little more than one; R-hat needs some 50 effective draws of each half.
_NUM_CHAINS = 32
# Transitions of the burn-in, and of a chain in the first round.
_NUM_BURNIN, _NUM_FIRST = 500, 500
_NUM_LOCAL_STEPS = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Refinement:
    """Draws of a target, how they were made, and whether they can be relied on.

    Attributes:
      samples: `[n, D]` array, draws of equal weight.
      method: `"flow"`, the flow's own draws; `"psis"`, those drawn by importance weights;
        `"neutra"` or `"independence"`, samples of chains.
      converged: whether the draws are what was asked for: by the verdict of `evaluation`
        for the first two, which no more than its samples can tell of mass that all of
        them miss; and of chains, R-hat below 1.01 and the asked ESS in each dimension.
      ess: effective number of independent draws, that of the worst dimension of chains.
      evaluation: `tff.diagnostics.Evaluation` of the flow.
      chains: `tff.mcmc.ChainResult`, all samples of the last round, or `None`.
      seconds: wall time, the evaluation of the flow included.
    """

    samples: np.ndarray
    method: str
    converged: bool
    ess: float
    evaluation: Evaluation
    chains: mcmc.ChainResult | None
    seconds: float

    def __str__(self) -> str:
        how = "converged" if self.converged else "NOT CONVERGED"
        text = (
            f"{len(self.samples)} draws by {self.method}, {how}: ESS {self.ess:.0f}, in "
            f"{self.seconds:.1f} s; the flow's verdict: {self.evaluation.verdict}"
        )
        return text if self.chains is None else f"{text}\n{self.chains}"


def refine(
    flow: tfd.Distribution,
    target: LogProbFn | tfd.Distribution,
    num_samples: int = 4_000,
    *,
    ess: float = 1_000.0,
    max_rounds: int = 6,
    evaluation: Evaluation | None = None,
    jit_compile: bool = True,
    seed: Seed = None,
) -> Refinement:
    """Draws of a target from a fitted flow, by as much sampling as its fit needs.

    By the verdict of `tff.diagnostics.evaluate`:

    - good: the flow's own draws.
    - usable with importance weights: draws by Pareto-smoothed importance weights, out of
      as many as the asked ESS needs (`tff.mcmc.importance_resample`).
    - undecided or do not trust: chains in the space of the flow, from starting points
      spread more widely than the target, until no dimension has an R-hat above 1.01, and
      each has the asked ESS.

    The chains are 32 Hamiltonian ones, as of `tff.mcmc.neutra`; where the target declares
    several modes, such as also propose draws of the flow, as of
    `tff.mcmc.independence_metropolis`. The other kind is tried beside, in turn, where an
    R-hat is above 1.05 after a round. Each round is as long as all before it, which
    become burn-in: its samples alone are judged and returned.

    Chains that do not arrive in `max_rounds` rounds are returned as they are, with
    `converged=False` and a `RuntimeWarning`. Converged chains agree with each other: of a
    mode that neither the flow nor a chain has met they know nothing.

    #### Example

    ```python
    fit = tff.vi.fit_reverse_kl(flow, target, seed=0)
    refined = tff.posteriors.refine(flow, target, seed=1)
    print(refined)                             # the method, R-hat, ESS
    refined.samples                            # [4000, D]
    ```

    Args:
      flow: `tfd.TransformedDistribution` of event shape `[D]`, float32 or float64.
      target: the log density up to a constant, a callable of TensorFlow operations with
        gradients, `[S, D]` to `[S]`; or a `tfd.Distribution` of vectors.
      num_samples: n, number of draws to return: of chains at most as many as there are.
      ess: effective number of draws to be reached.
      max_rounds: number of rounds of chains, the first of 500 samples each; every round
        doubles what came before.
      evaluation: the verdict, by `tff.diagnostics.evaluate` of this flow and target;
        `None` evaluates them.
      jit_compile: whether to compile chains with XLA.
      seed: `int` or stateless TFP seed; `None` draws a new one.

    Returns:
      `Refinement`.

    Raises:
      TypeError: if `flow` is no transformed distribution, or the target no function.
      ValueError: if a number is out of range, the flow is a batch or over other vectors
        than the target, or the target fails its checks.
      RuntimeError: if XLA cannot compile the target.

    #### References

    - A. Vehtari, A. Gelman, D. Simpson, B. Carpenter and P.-C. Bürkner.
      Rank-normalization, folding, and localization: an improved R-hat for assessing
      convergence of MCMC. Bayesian Analysis 16(2), 2021.
    """
    started = time.perf_counter()
    num_samples = numerics.check_size("num_samples", num_samples)
    ess = numerics.check_positive("ess", ess)
    max_rounds = numerics.check_size("max_rounds", max_rounds)
    jit_compile = numerics.check_flag("jit_compile", jit_compile)
    density = as_density(target)
    check_events(flow, density)
    judge_seed, draw_seed = tf.unstack(
        tfp.random.split_seed(numerics.stateless_seed(seed), n=2, salt="refine")
    )
    if evaluation is None:
        evaluation = diagnostics.evaluate(flow, density, seed=judge_seed)
    chains = None
    if evaluation.verdict == "good":
        method, converged, reached = "flow", True, float(num_samples)
        samples = flow.sample(num_samples, seed=draw_seed).numpy()
    elif evaluation.verdict == "usable with importance weights":
        efficiency = evaluation.ess / evaluation.num_samples
        drawn = mcmc.importance_resample(
            flow,
            density,
            num_samples,
            num_proposals=int(max(2 * max(ess, num_samples) / efficiency, 10_000)),
            seed=draw_seed,
        )
        method, converged, samples = "psis", True, drawn.samples
        reached = float(num_samples)
    else:
        method, chains = _run_chains(
            flow, density, ess, max_rounds, jit_compile, draw_seed, started
        )
        converged, reached = _has_converged(chains, ess), float(np.min(chains.ess))
        most = chains.samples.shape[0] * chains.samples.shape[1]
        samples = chains.draw(min(num_samples, most), seed=draw_seed)
    refinement = Refinement(
        samples=samples,
        method=method,
        converged=converged,
        ess=reached,
        evaluation=evaluation,
        chains=chains,
        seconds=time.perf_counter() - started,
    )
    if not converged:
        _warn(refinement, ess)
    return refinement


def _run_chains(
    flow: tfd.Distribution,
    density: Density,
    ess: float,
    max_rounds: int,
    jit_compile: bool,
    seed: tf.Tensor,
    started: float,
) -> tuple[str, mcmc.ChainResult]:
    """The method and the samples of the chains that converge first, or come nearest."""
    settings = dict(
        num_chains=_NUM_CHAINS,
        num_samples=_NUM_FIRST,
        num_burnin=_NUM_BURNIN,
        thinning=1,
        jit_compile=jit_compile,
    )
    kinds: dict[str, dict[str, Any]] = {
        "neutra": dict(num_moves=1, has_jumps=False),
        "independence": dict(num_moves=_NUM_LOCAL_STEPS, has_jumps=True),
    }
    modes = density.modes
    if modes is not None and len(modes.mode_probabilities()) > 1:
        kinds = dict(reversed(kinds.items()))
    running: dict[str, FlowChains] = {}
    found: dict[str, mcmc.ChainResult] = {}
    length = _NUM_FIRST
    for number in range(max_rounds):
        for name, kind in kinds.items():
            if name not in running:
                if any(np.max(result.rhat) < _HOPEFUL for result in found.values()):
                    continue
                chains = FlowChains(flow, density, settings, seed=seed, **kind)
                chains.burn_in(_NUM_BURNIN)
                running[name] = chains
            found[name] = running[name].sample(length, started=started)
            if _has_converged(found[name], ess):
                return name, found[name]
        length = _NUM_FIRST * 2**number
    return min(found.items(), key=lambda item: np.max(item[1].rhat))


def _has_converged(chains: mcmc.ChainResult, ess: float) -> bool:
    return bool(np.all(chains.rhat < _RHAT) and np.all(chains.ess >= ess))


def _warn(refinement: Refinement, ess: float) -> None:
    chains = refinement.chains
    assert chains is not None
    warnings.warn(
        f"The chains did not arrive: R-hat {np.max(chains.rhat):.3f} where {_RHAT} was "
        f"asked, ESS {refinement.ess:.0f} where {ess:.0f} was, after "
        f"{refinement.seconds:.0f} s. Do not rely on their draws: fit a better flow, or "
        "allow more rounds (max_rounds).",
        RuntimeWarning,
        stacklevel=3,
    )
