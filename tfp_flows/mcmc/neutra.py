"""Hamiltonian chains in the space of a flow."""

import time

import numpy.typing as npt
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics
from tfp_flows.mcmc.arguments import check_run
from tfp_flows.mcmc.chain_result import ChainResult
from tfp_flows.mcmc.flow_chains import FlowChains
from tfp_flows.mcmc.hamiltonian import KERNELS
from tfp_flows.types import LogProbFn, Seed


def neutra(
    flow: tfd.Distribution,
    target: LogProbFn | tfd.Distribution,
    *,
    kernel: str = "hmc",
    num_chains: int = 16,
    num_samples: int = 1_000,
    num_burnin: int = 500,
    seed: Seed = None,
    initial_state: npt.ArrayLike | tf.Tensor | None = None,
    thinning: int = 1,
    jit_compile: bool = True,
) -> ChainResult:
    """Samples a density by Hamiltonian Monte Carlo in the space of a flow: NeuTra ([1]).

    Chains move through z, with density p(f(z)) |det J_f(z)| for the flow x = f(z). Where
    the flow fits, that is nearly its base, a standard normal, whatever the shape of p:
    a funnel or a banana is not narrow any more. Where it does not fit, the chains still
    have p as their law: they mend the flow, as far as they get about. They do not get
    from one separate mode to another; see `independence_metropolis`. Only the forward
    direction of the flow is used.

    Burn-in tunes the step size, to a mean acceptance probability of 0.8, and a diagonal
    mass matrix, in windows of growing length ([2]); then both are fixed. HMC draws the
    number of leapfrog steps anew in each transition, up to a length of pi in units of
    standard deviations of z; NUTS finds the length itself, up to 2^7 steps. On CPUs, and
    with many chains at once, HMC gives more effective samples a second: all chains wait
    for the longest trajectory of NUTS, whose program takes longer to compile.

    Chains start from draws of the flow that are widened, and taken by the square root of
    their importance weights: spread more widely than the target, so that R-hat, which
    compares chains, tells those that have not yet forgotten where they started. It cannot
    tell of a mode in which no draw of the flow lies.

    #### Example

    ```python
    flow = tff.planar_flow(10, 16, seed=0)
    tff.vi.fit_reverse_kl(flow, target, seed=1)
    chains = tff.mcmc.neutra(flow, target, seed=2)
    print(chains)                              # R-hat, ESS per second, divergences
    chains.samples                             # [1000, 16, 10]
    ```

    Args:
      flow: `tfd.TransformedDistribution` of event shape `[D]`, float32 or float64.
      target: the log density up to a constant, a callable of TensorFlow operations with
        gradients, `[S, D]` to `[S]`; or a `tfd.Distribution` of vectors, taken by its
        exact `log_prob`.
      kernel: `"hmc"` or `"nuts"`.
      num_chains: number of independent chains.
      num_samples: number of samples kept per chain.
      num_burnin: number of transitions before the first one.
      seed: `int` or stateless TFP seed; `None` draws a new one.
      initial_state: starting points x, `[num_chains, D]`, for which the flow is inverted;
        `None` draws them as above.
      thinning: number of transitions from one kept sample to the next.
      jit_compile: whether to compile with XLA.

    Returns:
      `ChainResult`.

    Raises:
      TypeError: if `flow` is no transformed distribution, or not of float32 or float64;
        or the target is no function, or of another dtype; or `initial_state` is masked.
      ValueError: if a number or `kernel` is out of range, the flow is a batch or over
        other vectors than the target, the target fails its checks or has no gradient, or
        there are no starting points in its support. All of this comes before compilation.
      RuntimeError: if XLA cannot compile the target.

    #### References

    [1]: M. Hoffman, P. Sountsov, J. Dillon, I. Langmore, D. Tran and S. Vasudevan.
         NeuTra-lizing bad geometry in Hamiltonian Monte Carlo using neural transport.
         arXiv:1903.03704, 2019.
    [2]: M. D. Hoffman and A. Gelman. The No-U-Turn sampler. JMLR 15, 2014.
    """
    started = time.perf_counter()
    run = num_chains, num_samples, num_burnin, initial_state, thinning, jit_compile
    settings = dict(
        sampler="neutra",
        kernel=numerics.check_choice("kernel", kernel, KERNELS),
        **check_run(*run),
    )
    chains = FlowChains(
        flow,
        target,
        settings,
        kernel=kernel,
        num_moves=1,
        has_jumps=False,
        initial_state=initial_state,
        seed=seed,
    )
    return chains.run(started)
