"""Rounds of chains through a flow, until they have converged."""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import mcmc
from tfp_flows.density import Density
from tfp_flows.mcmc.arguments import check_run
from tfp_flows.mcmc.flow_chains import FlowChains

# Chains are at the target where no R-hat is above, as Vehtari et al. (2021) advise.
RHAT = 1.01
# Transitions that may diverge: more, and the chains do not get everywhere.
MOST_DIVERGENCES = 0.001
# Where R-hat is above, another kind of chains is tried beside.
_HOPEFUL = 1.05
# Many chains cost little more than one; R-hat needs some 50 effective draws of each half.
_NUM_CHAINS = 32
# Transitions of the burn-in, and of a chain in the first round.
_NUM_BURNIN, _NUM_FIRST = 500, 500
_NUM_LOCAL_STEPS = 2


def run_chains(
    flow: tfd.Distribution,
    density: Density,
    ess: float,
    max_rounds: int,
    jit_compile: bool,
    seed: tf.Tensor,
    started: float,
    missed: np.ndarray,
) -> tuple[str, mcmc.ChainResult]:
    """Runs Hamiltonian chains, with jumps by draws of the flow, or without them.

    Args:
      flow: `tfd.Distribution` in whose space they move.
      density: the target.
      ess: effective number of draws to be reached in each dimension.
      max_rounds: number of rounds, each as long as all before it.
      jit_compile: whether to compile with XLA.
      seed: stateless TFP seed.
      started: when all this started, by `time.perf_counter`.
      missed: points `[E, D]` where a flow misses mass: some chains start there, so that
        R-hat shows whether they and the others get to the same places.

    Returns:
      The method, and the samples of the last round, of the chains that converge first,
      or of those that come nearest.
    """
    run = check_run(_NUM_CHAINS, _NUM_FIRST, _NUM_BURNIN, None, 1, jit_compile)
    kinds: dict[str, dict[str, Any]] = {
        "neutra": dict(
            settings=dict(sampler="neutra", kernel="hmc", **run),
            num_moves=1,
            has_jumps=False,
        ),
        "independence": dict(
            settings=dict(
                sampler="independence_metropolis",
                num_local_steps=_NUM_LOCAL_STEPS,
                **run,
            ),
            num_moves=_NUM_LOCAL_STEPS,
            has_jumps=True,
        ),
    }
    if has_several_modes(density):
        kinds = dict(reversed(kinds.items()))
    running: dict[str, FlowChains] = {}
    found: dict[str, mcmc.ChainResult] = {}
    length = _NUM_FIRST
    for number in range(max_rounds):
        if all(np.max(result.rhat) >= _HOPEFUL for result in found.values()):
            for name in [name for name in kinds if name not in running][:1]:
                chains = FlowChains(
                    flow, density, also_from=missed, seed=seed, **kinds[name]
                )
                chains.burn_in(_NUM_BURNIN)
                running[name] = chains
        for name, chains in running.items():
            found[name] = chains.sample(length, started=started)
            if has_converged(found[name], ess):
                return name, found[name]
        length = _NUM_FIRST * 2**number
    return min(found.items(), key=lambda item: np.max(item[1].rhat))


def has_converged(chains: mcmc.ChainResult, ess: float) -> bool:
    """Whether R-hat, the ESS in each dimension, and the divergences are as asked."""
    num_transitions = chains.samples.shape[0] * chains.samples.shape[1]
    return bool(
        np.all(chains.rhat < RHAT)
        and np.all(chains.ess >= ess)
        and chains.num_divergences <= MOST_DIVERGENCES * num_transitions
    )


def has_several_modes(density: Density) -> bool:
    """Whether the target declares more than one mode."""
    modes = density.modes
    return modes is not None and len(modes.mode_probabilities()) > 1
