"""Draws of a target out of a fitted flow, however well it fits."""

import time
import warnings

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows import diagnostics, mcmc, numerics
from tfp_flows.density import Density, as_density, check_single_flow
from tfp_flows.diagnostics import Evaluation
from tfp_flows.diagnostics.verdict import BAD, GOOD, USABLE
from tfp_flows.posteriors.chain_rounds import (
    MOST_DIVERGENCES,
    RHAT,
    has_converged,
    has_several_modes,
    run_chains,
)
from tfp_flows.posteriors.refinement import Refinement
from tfp_flows.posteriors.refit import refit
from tfp_flows.types import LogProbFn, Seed


def refine(
    flow: tfd.Distribution,
    target: LogProbFn | tfd.Distribution,
    num_samples: int = 4_000,
    *,
    ess: float = 1_000.0,
    max_rounds: int = 6,
    num_refit_steps: int = 2_000,
    evaluation: Evaluation | None = None,
    jit_compile: bool = True,
    seed: Seed = None,
) -> Refinement:
    """Draws of a target from a fitted flow, by as much sampling as its fit needs.

    By the verdict of `tff.diagnostics.evaluate`:

    - good: the flow's own draws.
    - usable with importance weights: draws by Pareto-smoothed importance weights, out of
      samples whose ESS is about twice `num_samples`, or twice `ess` if that is more
      (`tff.mcmc.importance_resample`).
    - undecided: chains in the space of the flow, from starting points spread more widely
      than the target, until no dimension has an R-hat above 1.01, each has the asked ESS,
      and at most one transition in a thousand diverges.
    - do not trust: a richer flow is fitted first, of three autoregressive layers, and the
      chains move in its space.

    The given flow stays as it is. The richer one is left out where it is further from the
    target by its ELBO, or finds less of its evidence, as where it has lost a mode that
    the given one has; and it is not tried in one dimension, for targets that declare
    several modes, which such fits lose, or that are 0 at some draws.

    The chains are 32 Hamiltonian ones, as of `tff.mcmc.neutra`; where the target declares
    several modes, such as also propose draws of the flow, as of
    `tff.mcmc.independence_metropolis`. The other kind is tried beside, in turn, where an
    R-hat is above 1.05 after a round. Each round is as long as all before it, which
    become burn-in: its samples alone are judged and returned.

    Chains that do not converge in `max_rounds` rounds are returned as they are, with
    `converged=False` and a `RuntimeWarning`; so are draws by weight if the k-hat of their
    weights is above 0.7. Where the evaluation has found mass that the flow misses, four
    of the chains start there: R-hat shows whether they and the others meet. Of a mode
    that neither the evaluation nor a chain has met they know nothing.

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
      ess: effective number of draws that chains are to reach, with all their samples.
        Other draws are as many as `num_samples` says, whatever `ess` is.
      max_rounds: number of rounds of chains, the first of 500 samples each; every round
        doubles what came before.
      num_refit_steps: number of updates of the richer flow; 0 leaves it out.
      evaluation: the verdict, by `tff.diagnostics.evaluate` of this flow and target;
        `None` evaluates them.
      jit_compile: whether to compile chains with XLA.
      seed: `int` or stateless TFP seed; `None` draws a new one.

    Returns:
      `Refinement`.

    Raises:
      TypeError: if `flow` is no transformed distribution, the target no function, or
        `evaluation` none.
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
    num_refit_steps = numerics.check_size("num_refit_steps", num_refit_steps, least=0)
    jit_compile = numerics.check_flag("jit_compile", jit_compile)
    density = as_density(target)
    check_single_flow(flow, density)
    judge_seed, refit_seed, draw_seed = tf.unstack(
        tfp.random.split_seed(numerics.stateless_seed(seed), n=3, salt="refine")
    )
    evaluation = _evaluation(evaluation, flow, density, judge_seed)
    richer = None
    if num_refit_steps and _may_gain(flow, density, evaluation):
        richer = refit(
            flow,
            density,
            evaluation,
            num_steps=num_refit_steps,
            jit_compile=jit_compile,
            seed=refit_seed,
        )
    used, refit_evaluation = richer or (flow, None)
    khat = chains = None
    if evaluation.verdict == GOOD:
        method, converged, reached = "flow", True, float(num_samples)
        samples = flow.sample(num_samples, seed=draw_seed).numpy()
    elif evaluation.verdict == USABLE:
        drawn = _weighted_draws(flow, density, evaluation, num_samples, ess, draw_seed)
        method, samples, khat, reached = "psis", drawn.samples, drawn.khat, drawn.ess
        converged = khat <= numerics.LARGEST_KHAT
    else:
        missed = _missed(used.event_shape[0], evaluation, refit_evaluation)
        is_reached = np.isfinite(used.log_prob(tf.cast(missed, used.dtype)))
        starts = missed[is_reached]
        method, chains = run_chains(
            used, density, ess, max_rounds, jit_compile, draw_seed, started, starts
        )
        converged = has_converged(chains, ess) and bool(np.all(is_reached))
        reached = float(np.min(chains.ess))
        most = chains.samples.shape[0] * chains.samples.shape[1]
        samples = chains.draw(min(num_samples, most), seed=draw_seed)
    refinement = Refinement(
        samples=samples,
        method=method,
        converged=converged,
        ess=reached,
        khat=khat,
        flow=used,
        evaluation=evaluation,
        refit_evaluation=refit_evaluation,
        chains=chains,
        seconds=time.perf_counter() - started,
    )
    if not converged:
        _warn(refinement, ess)
    return refinement


def _evaluation(
    given: Evaluation | None, flow: tfd.Distribution, density: Density, seed: tf.Tensor
) -> Evaluation:
    """The given one, or one made here; raises TypeError if it is none."""
    if given is None:
        return diagnostics.evaluate(flow, density, seed=seed)
    if not isinstance(given, Evaluation):
        raise TypeError(
            "`evaluation` must be what tff.diagnostics.evaluate returned of the flow, or "
            f"None, but got {given!r}."
        )
    return given


def _missed(event_size: int, *evaluations: Evaluation | None) -> np.ndarray:
    """Points `[E, D]` around which evaluations have found mass that their flow misses."""
    found = [each.outside for each in evaluations if each is not None]
    points = [each.point for each in found if each is not None and each.is_missed]
    return np.reshape(np.array(points), [len(points), event_size])


def _may_gain(flow: tfd.Distribution, density: Density, evaluation: Evaluation) -> bool:
    """Whether a richer flow may be nearer to the target than one of this verdict."""
    return (
        evaluation.verdict == BAD
        and flow.event_shape[0] > 1
        and evaluation.support_mass == 1.0
        and not has_several_modes(density)
    )


def _weighted_draws(
    flow: tfd.Distribution,
    density: Density,
    evaluation: Evaluation,
    num_samples: int,
    ess: float,
    seed: tf.Tensor,
) -> mcmc.ImportanceSamples:
    """Draws by weight, out of twice as many as have the asked effective number."""
    efficiency = evaluation.ess / evaluation.num_samples
    num_proposals = max(2 * max(ess, num_samples) / efficiency, 10_000)
    return mcmc.importance_resample(
        flow, density, num_samples, num_proposals=int(num_proposals), seed=seed
    )


def _warn(refinement: Refinement, ess: float) -> None:
    chains = refinement.chains
    if chains is None:
        message = (
            f"The weights by which draws were taken have a Pareto k-hat of "
            f"{refinement.khat:.2f}, above {numerics.LARGEST_KHAT}. Do not rely on these "
            "draws: fit a better flow, or run chains through it (tff.mcmc.neutra)."
        )
    else:
        num_transitions = chains.samples[..., 0].size
        message = (
            f"The chains did not converge after {refinement.seconds:.0f} s: R-hat "
            f"{np.max(chains.rhat):.3f} where {RHAT} was asked, ESS {refinement.ess:.0f} "
            f"where {ess:.0f} was, and {chains.num_divergences:,} of {num_transitions:,} "
            f"transitions diverged, where {MOST_DIVERGENCES:.1%} may"
            f"{_of_missed(refinement)}. Do not rely on their draws: fit a better flow, "
            "or allow more rounds (max_rounds)."
        )
    warnings.warn(message, RuntimeWarning, stacklevel=3)


def _of_missed(refinement: Refinement) -> str:
    outside = (refinement.refit_evaluation or refinement.evaluation).outside
    if outside is None or not outside.is_missed:
        return ""
    return (
        f"; the flow misses {outside.share:.0%} of the evidence, around {outside.place}"
    )
