"""Random-walk Metropolis: many chains, tuned while they burn in."""

import time
import warnings

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.density import Density, as_density
from tfp_flows.mcmc.arguments import (
    check_in_range,
    check_parameter_scales,
    resolve_points,
)
from tfp_flows.mcmc.chain_result import ChainResult
from tfp_flows.mcmc.initial_state import convert_initial_state, start_chains
from tfp_flows.mcmc.random_walk_program import run_program
from tfp_flows.mcmc.scale_tuning import optimal_acceptance, optimal_scale
from tfp_flows.types import LogProbFn, Seed


def random_walk_metropolis(
    target_log_prob_fn: LogProbFn | tfp.distributions.Distribution,
    *,
    num_chains: int,
    num_samples: int,
    num_burnin: int,
    seed: Seed = None,
    initial_state: npt.ArrayLike | tf.Tensor | None = None,
    event_size: int | None = None,
    initial_spread: float = 2.0,
    initial_scale: float | None = None,
    parameter_scales: npt.ArrayLike | str | None = None,
    thinning: int = 1,
    dtype: tf.DType | None = None,
    jit_compile: bool | None = None,
    name: str = "random_walk_metropolis",
) -> ChainResult:
    """Samples a density with random-walk Metropolis, many chains at once.

    Each chain proposes `x' = x + scale * normal` and accepts it with probability
    min(1, p(x') / p(x)). This is the transition of `tfp.mcmc.RandomWalkMetropolis`, with
    the same states for the same random numbers; these are drawn for many transitions at
    once, and burn-in and sampling are one compiled program.

    Burn-in tunes the one scale that all chains and dimensions share towards the
    acceptance rate at which a random walk mixes fastest: 0.44 at D = 1, 0.35 at D = 2,
    down to 0.234 ([1], [2]). It is then fixed, so that the samples come from one Markov
    kernel that leaves the target invariant. With `num_burnin=0` it stays at
    `initial_scale`. Where dimensions differ in width, `parameter_scales="burnin"` gives
    each its own.

    A proposal at which the target is -inf, NaN or +inf is never accepted. -inf is the
    outside of the support; a `RuntimeWarning` counts the other two.

    #### Example

    ```python
    target = tff.targets.get("u1")
    chains = tff.mcmc.random_walk_metropolis(
        target, num_chains=100, num_samples=1000, num_burnin=500, seed=0
    )
    print(chains)
    chains.samples                             # [1000, 100, 2]
    ```

    Args:
      target_log_prob_fn: the log density up to a constant, a callable of TensorFlow
        operations, `Tensor` of shape `[num_chains, D]` to `[num_chains]`, also of
        `tf.numpy_function`; a distribution of event shape `[D]`, whose exact `log_prob`
        is taken, 0 outside its event space; or a joint distribution, pinned or not, of
        one such vector.
      num_chains: number of independent chains.
      num_samples: number of samples that each chain keeps.
      num_burnin: number of transitions of each chain before the first sample.
      seed: `int` or stateless TFP seed; `None` draws a new one.
      initial_state: `Tensor` of shape `[num_chains, D]`, inside the support. `None`
        draws from a normal around the origin, again where the target is -inf.
      event_size: D. Needed where neither `initial_state` nor the target, as a
        distribution or the bound method of one, knows it.
      initial_spread: standard deviation of that normal. R-hat can only warn of modes
        that some chain found: prefer it too wide.
      initial_scale: standard deviation of proposals before tuning; `None` is
        2.38 / sqrt(D), the best one for a standard normal.
      parameter_scales: what the proposals of each dimension are scaled by, `[D]` numbers,
        or `"burnin"` for the standard deviations of the chains' states, measured in
        windows of the burn-in of growing length. `None` is 1 for all.
      thinning: number of transitions from one kept sample to the next.
      dtype: floating dtype of the chains. `None` is that of the distribution or else of
        `initial_state`, or `tf.float32`.
      jit_compile: whether to compile with XLA, which takes a second more, and then makes
        up to 200 times as many transitions, the more the fewer chains there are. `None`
        does in runs of 20,000 transitions of each chain, or of 30 million of all, unless
        it cannot compile the target. The `settings` of the result say what it did.
      name: Python `str`, prefix of the names of the ops.

    Returns:
      `ChainResult`.

    Raises:
      TypeError: if the target is not callable, the dtype is contradictory or not
        floating, or the target returns another dtype.
      ValueError: if a number is out of range, D is unknown or contradictory,
        `initial_state` has another shape, is not finite or lies outside the support, no
        starting point is found, or the target fails, returns another shape than
        `[num_chains]`, is NaN or +inf at its first evaluation, or gives a point another
        density when it comes with others. All of this comes before compilation.
      RuntimeError: if `jit_compile` is `True`, and XLA cannot compile the target.

    #### References

    [1]: A. Gelman, G. O. Roberts and W. R. Gilks. Efficient Metropolis jumping rules.
         Bayesian Statistics 5, 1996.
    [2]: G. O. Roberts, A. Gelman and W. R. Gilks. Weak convergence and optimal scaling
         of random walk Metropolis algorithms. Annals of Applied Probability 7(1), 1997.
    """
    started = time.perf_counter()
    name = numerics.check_name(name)
    num_chains = numerics.check_size("num_chains", num_chains)
    num_samples = numerics.check_size("num_samples", num_samples)
    num_burnin = numerics.check_size("num_burnin", num_burnin, least=0)
    thinning = numerics.check_size("thinning", thinning)
    initial_spread = numerics.check_positive("initial_spread", initial_spread)
    if jit_compile is not None:
        jit_compile = numerics.check_flag("jit_compile", jit_compile)
    state = convert_initial_state(initial_state, num_chains, "random_walk_metropolis")
    density = as_density(target_log_prob_fn).exact()
    event_size, dtype = resolve_points(
        density, event_size=event_size, dtype=dtype, initial_state=state
    )
    parameter_scales = check_parameter_scales(parameter_scales, event_size, num_burnin)
    if initial_scale is None:
        initial_scale = optimal_scale(event_size)
    initial_scale = numerics.check_positive("initial_scale", initial_scale)
    check_in_range("initial_spread", initial_spread, dtype)
    check_in_range("initial_scale", initial_scale, dtype)
    if isinstance(parameter_scales, list):
        check_in_range("parameter_scales", parameter_scales, dtype)
    seed = numerics.stateless_seed(seed)
    settings = dict(
        num_chains=num_chains,
        num_samples=num_samples,
        num_burnin=num_burnin,
        seed=np.asarray(seed).tolist(),
        event_size=event_size,
        initial_state="given" if initial_state is not None else "drawn",
        initial_spread=initial_spread,
        initial_scale=initial_scale,
        parameter_scales=parameter_scales,
        target_acceptance=optimal_acceptance(event_size),
        thinning=thinning,
        dtype=dtype.name,
        jit_compile=jit_compile,
    )
    return _run_chains(density, state, settings, seed=seed, name=name, started=started)


def _run_chains(
    density: Density,
    state: tf.Tensor | None,
    settings: dict,
    *,
    seed: tf.Tensor,
    name: str,
    started: float,
) -> ChainResult:
    """Starts, burns in and samples chains with `settings`, all arguments checked."""
    init_seed, burnin_seed, sample_seed = tf.unstack(
        tfp.random.split_seed(seed, n=3, salt="random_walk_metropolis")
    )
    state = start_chains(
        density,
        state,
        (settings["num_chains"], settings["event_size"]),
        spread=settings["initial_spread"],
        dtype=tf.as_dtype(settings["dtype"]),
        seed=init_seed,
    )
    (samples, num_accepted, num_invalid, scales), settings["jit_compile"] = run_program(
        density.trace(state), (state, burnin_seed, sample_seed), settings, name
    )
    num_transitions = 1 + (len(samples) - 1) * settings["thinning"]
    if samples.dtype == tf.bfloat16.as_numpy_dtype:  # unknown to NumPy
        samples = samples.astype(np.float32)
    if num_invalid.any():
        _warn_of_invalid(num_invalid.sum(), num_invalid.size * num_transitions)
    return ChainResult(
        samples=samples,
        acceptance_rate_per_chain=num_accepted / num_transitions,
        proposal_scale=float(np.exp(np.mean(np.log(scales.astype(np.float64))))),
        num_burnin=settings["num_burnin"],
        seconds=time.perf_counter() - started,
        settings=settings,
        proposal_scales=scales,
    )


def _warn_of_invalid(num_invalid: int, num_proposals: int) -> None:
    warnings.warn(
        f"The target was NaN or +inf at {num_invalid} of {num_proposals} proposals. They "
        "were rejected: the samples are of the target without these points. Make it "
        "finite there, or -inf outside its support.",
        RuntimeWarning,
        stacklevel=4,
    )
