"""Random-walk Metropolis: many chains in one compiled program."""

import math
import numbers
import time
import warnings

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.mcmc.chain_result import ChainResult
from tfp_flows.mcmc.initial_state import (
    check_initial_state,
    convert_initial_state,
    draw_initial_state,
)
from tfp_flows.mcmc.resolve_target import resolve_target, trace_target
from tfp_flows.mcmc.scale_tuning import optimal_acceptance, optimal_scale, tune_scale


def random_walk_metropolis(
    target_log_prob_fn,
    *,
    num_chains,
    num_samples,
    num_burnin,
    seed=None,
    initial_state=None,
    event_size=None,
    initial_spread=2.0,
    initial_scale=None,
    thinning=1,
    dtype=None,
    jit_compile=False,
    name="random_walk_metropolis",
):
    """Samples a density with random-walk Metropolis, many chains at once.

    Each chain proposes `x' = x + scale * normal` and accepts it with probability
    min(1, p(x') / p(x)), by `tfp.mcmc.RandomWalkMetropolis`. Burn-in tunes the one
    scale that all chains and dimensions share towards the acceptance rate at which a
    random walk mixes fastest: 0.44 at D = 1, 0.35 at D = 2, down to 0.234 ([1], [2]).
    It is then fixed, so that the samples come from one Markov kernel that leaves the
    target invariant. With `num_burnin=0` it stays at `initial_scale`.

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
        operations, `Tensor` of shape `[num_chains, D]` to `[num_chains]`; or a
        distribution, of event shape `[D]`, whose exact `log_prob` is taken.
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
      thinning: number of transitions from one kept sample to the next.
      dtype: floating dtype of the chains. `None` is that of the distribution or else of
        `initial_state`, or `tf.float32`.
      jit_compile: whether to compile with XLA, which takes two seconds more and pays,
        if at all, in runs of tens of millions of transitions.
      name: Python `str`, prefix of the names of the ops.

    Returns:
      `ChainResult`.

    Raises:
      TypeError: if the target is not callable, the dtype is contradictory or not
        floating, or the target returns another dtype.
      ValueError: if a number is out of range, D is unknown or contradictory,
        `initial_state` has another shape or lies outside the support, no starting point
        is found, or the target fails, returns another shape than `[num_chains]`, or is
        NaN or +inf at its first evaluation. All of this comes before compilation.

    #### References

    [1]: A. Gelman, G. O. Roberts and W. R. Gilks. Efficient Metropolis jumping rules.
         Bayesian Statistics 5, 1996.
    [2]: G. O. Roberts, A. Gelman and W. R. Gilks. Weak convergence and optimal scaling
         of random walk Metropolis algorithms. Annals of Applied Probability 7(1), 1997.
    """
    started = time.perf_counter()
    num_chains = numerics.check_size("num_chains", num_chains)
    num_samples = numerics.check_size("num_samples", num_samples)
    num_burnin = _check_num_burnin(num_burnin)
    thinning = numerics.check_size("thinning", thinning)
    if event_size is not None:
        event_size = numerics.check_size("event_size", event_size)
    initial_spread = _check_positive("initial_spread", initial_spread)
    if initial_scale is not None:
        initial_scale = _check_positive("initial_scale", initial_scale)

    state = convert_initial_state(initial_state, num_chains)
    log_prob_fn, event_size, dtype = resolve_target(
        target_log_prob_fn, event_size=event_size, dtype=dtype, initial_state=state
    )
    if initial_scale is None:
        initial_scale = optimal_scale(event_size)
    seed = numerics.stateless_seed(seed)
    init_seed, burnin_seed, sample_seed = tfp.random.split_seed(
        seed, n=3, salt="random_walk_metropolis"
    )
    if state is None:
        state = draw_initial_state(
            log_prob_fn,
            num_chains,
            event_size,
            spread=initial_spread,
            dtype=dtype,
            seed=init_seed,
        )
    else:
        state = tf.cast(state, dtype)
        check_initial_state(log_prob_fn, state)
    log_prob_fn = trace_target(log_prob_fn, state)
    acceptance = optimal_acceptance(event_size)

    def make_kernel(scale):
        return tfp.mcmc.RandomWalkMetropolis(
            log_prob_fn, new_state_fn=tfp.mcmc.random_walk_normal_fn(scale)
        )

    # AutoGraph off, with explicit loops: see DESIGN on `for` loops under XLA.
    @tf.function(jit_compile=jit_compile, autograph=False)
    def run(state, burnin_seed, sample_seed):
        with tf.name_scope(name):
            state, results, scale = tune_scale(
                make_kernel,
                state,
                make_kernel(initial_scale).bootstrap_results(state),
                num_steps=num_burnin,
                scale=initial_scale,
                acceptance=acceptance,
                seed=burnin_seed,
            )
            samples, (is_accepted, is_invalid) = tfp.mcmc.sample_chain(
                num_samples,
                state,
                previous_kernel_results=results,
                kernel=make_kernel(scale),
                num_steps_between_results=thinning - 1,
                trace_fn=_trace_step,
                seed=sample_seed,
            )
            num_accepted, num_invalid = (
                tf.reduce_sum(tf.cast(x, tf.int32), axis=0)
                for x in (is_accepted, is_invalid)
            )
            return samples, num_accepted, num_invalid, scale

    # One concrete function: a tf.function, new in each call, would warn of retracing.
    arguments = (state, burnin_seed, sample_seed)
    samples, num_accepted, num_invalid, scale = (
        x.numpy() for x in run.get_concrete_function(*arguments)(*arguments)
    )
    if num_invalid.any():
        warnings.warn(
            f"The target was NaN or +inf at {num_invalid.sum()} of "
            f"{num_samples * num_chains} proposals. They were rejected: the samples "
            "are of the target without these points. Make it finite there, or -inf "
            "outside its support.",
            RuntimeWarning,
            stacklevel=2,
        )
    return ChainResult(
        samples=samples,
        acceptance_rate_per_chain=num_accepted / num_samples,
        proposal_scale=float(scale),
        num_burnin=num_burnin,
        seconds=time.perf_counter() - started,
        settings=dict(
            num_chains=num_chains,
            num_samples=num_samples,
            num_burnin=num_burnin,
            seed=[int(part) for part in seed],
            event_size=event_size,
            initial_state="given" if initial_state is not None else "drawn",
            initial_spread=initial_spread,
            initial_scale=initial_scale,
            target_acceptance=acceptance,
            thinning=thinning,
            dtype=dtype.name,
            jit_compile=bool(jit_compile),
        ),
    )


def _trace_step(state, results):
    log_prob = results.proposed_results.target_log_prob
    is_invalid = tf.math.is_nan(log_prob) | (log_prob == math.inf)
    return results.is_accepted, is_invalid


def _check_num_burnin(value):
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 0:
        raise ValueError(
            f"`num_burnin` must be an integer of at least 0, but got {value!r}."
        )
    return int(value)


def _check_positive(name, value):
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not 0.0 < value < math.inf:
        raise ValueError(f"`{name}` must be a finite number > 0, but got {value!r}.")
    return float(value)
