"""Metropolis chains whose proposals are draws of a flow."""

import time

import numpy.typing as npt
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics
from tfp_flows.mcmc.arguments import check_run
from tfp_flows.mcmc.chain_result import ChainResult
from tfp_flows.mcmc.flow_chains import FlowChains
from tfp_flows.types import LogProbFn, Seed


def independence_metropolis(
    flow: tfd.Distribution,
    target: LogProbFn | tfd.Distribution,
    *,
    num_local_steps: int = 0,
    num_chains: int = 16,
    num_samples: int = 1_000,
    num_burnin: int = 500,
    seed: Seed = None,
    initial_state: npt.ArrayLike | tf.Tensor | None = None,
    thinning: int = 1,
    jit_compile: bool = True,
) -> ChainResult:
    """Samples a density by Metropolis-Hastings with draws of a flow as proposals.

    Each transition proposes a draw x' of the flow q, wherever the chain is, and accepts
    it with probability min(1, w(x') / w(x)), with the weight w = p / q ([1]). So chains
    go from one mode to another as often as the flow draws from each, however far these
    are apart. Proposals and their weights do not depend on the chains: they are computed
    in large batches, and only the choice among them is made one after the other.

    Where the flow has too little of the target, weights are large, and a chain that gets
    there stays long; where it has nothing, no proposal leads. `num_local_steps` adds
    Hamiltonian transitions in the space of the flow after each such proposal, as in
    `neutra` and tuned like there, which move there ([2]).

    Chains start as those of `neutra`.

    #### Example

    ```python
    target = tff.targets.get("example3")       # four modes
    chains = tff.mcmc.independence_metropolis(flow, target, num_samples=5_000, seed=0)
    chains.mode_crossings                      # [16], transitions between modes
    chains.mode_mass                           # [4]
    ```

    Args:
      flow: `tfd.Distribution` of event shape `[D]`, float32 or float64; a transformed one
        if there are local steps.
      target: the log density up to a constant, a callable of TensorFlow operations,
        `[S, D]` to `[S]`; or a `tfd.Distribution` of vectors, taken by its exact
        `log_prob`. It must have gradients if there are local steps.
      num_local_steps: number of Hamiltonian transitions after each proposal of the flow.
      num_chains: number of independent chains.
      num_samples: number of samples kept per chain.
      num_burnin: number of transitions before the first one.
      seed: `int` or stateless TFP seed; `None` draws a new one.
      initial_state: starting points x, `[num_chains, D]`, for which the flow is inverted;
        `None` draws them.
      thinning: number of transitions from one kept sample to the next.
      jit_compile: whether to compile with XLA.

    Returns:
      `ChainResult`, whose acceptance rate is that of the proposals of the flow.

    Raises:
      TypeError, ValueError, RuntimeError: as of `neutra`.

    #### References

    [1]: L. Tierney. Markov chains for exploring posterior distributions. Annals of
         Statistics 22(4), 1994, section 2.3.3.
    [2]: M. Gabrié, G. M. Rotskoff and E. Vanden-Eijnden. Adaptive Monte Carlo augmented
         with normalizing flows. PNAS 119(10), 2022.
    """
    started = time.perf_counter()
    run = num_chains, num_samples, num_burnin, initial_state, thinning, jit_compile
    settings = dict(
        sampler="independence_metropolis",
        num_local_steps=numerics.check_size("num_local_steps", num_local_steps, least=0),
        **check_run(*run),
    )
    chains = FlowChains(
        flow,
        target,
        settings,
        num_moves=num_local_steps,
        has_jumps=True,
        initial_state=initial_state,
        seed=seed,
    )
    return chains.run(started)
