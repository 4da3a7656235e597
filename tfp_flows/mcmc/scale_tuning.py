"""Tuning of the proposal scale of random-walk Metropolis."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf
import tensorflow_probability as tfp

# A scalar scale, or one for each dimension, to the kernel of chains.
MakeKernel: TypeAlias = Callable[[tf.Tensor], tfp.mcmc.TransitionKernel]

# Decay of the gain t^-0.6: slow enough to cover decades from a bad initial scale, and
# square-summable, as Robbins-Monro needs.
_DECAY = 0.6

# Windows of a burn-in in which scales of dimensions are measured: up to 1/32, 1/16, ...
_NUM_WINDOWS = 6


def optimal_acceptance(event_size: int) -> float:
    """The acceptance rate at which a random walk mixes fastest.

    For a normal target it is 0.44 at D = 1 and 0.35 at D = 2 (Gelman, Roberts & Gilks
    1996), and tends to 0.234 (Roberts, Gelman & Gilks 1997). In between this is an
    interpolation, within 0.007 of the rate that maximises the expected squared jump on a
    normal target, for D from 1 to 50.
    """
    return 0.234 + 0.206 * event_size**-0.85


def optimal_scale(event_size: int) -> float:
    """The best proposal scale for a standard normal target, 2.38 / sqrt(D)."""
    return 2.38 / event_size**0.5


def tune_scale(
    make_kernel: MakeKernel,
    state: tf.Tensor,
    results: tuple,
    *,
    num_steps: int,
    scale: float,
    acceptance: float,
    seed: tf.Tensor,
    measures_spread: bool = False,
) -> tuple[tf.Tensor, tuple, tf.Tensor, tf.Tensor | None]:
    """Runs chains while it tunes their common proposal scale.

    Robbins-Monro on the log scale: step t adds `t^-0.6 (A - a) / (a (1 - a))`, with A
    the mean over chains of the acceptance probability min(1, p(x') / p(x)) and a the
    wanted `acceptance`. The factor 1 / (a (1 - a)) is that of Garthwaite, Fan & Sisson
    (2016) at D = 1; they decay as t^-1 and restart the search instead. The result is the
    mean of the log scale over the second half, which halves its error or better where
    chains are few (Polyak & Juditsky 1992).

    Args:
      make_kernel: callable, scalar `Tensor` scale to `tfp.mcmc.RandomWalkMetropolis`.
      state: floating `Tensor` of shape `[num_chains, D]`.
      results: kernel results at `state`.
      num_steps: number of transitions; 0 leaves all as it is.
      scale: initial scale, Python `float`.
      acceptance: wanted mean acceptance probability, Python `float`.
      seed: stateless TFP seed.
      measures_spread: whether to measure the states, too.

    Returns:
      `(state, results, scale, variance)` after the last step, with the variance `[D]` of
      the states of all chains in the second half of the steps, or `None`.

    #### References

    - P. H. Garthwaite, Y. Fan and S. A. Sisson. Adaptive optimal scaling of
      Metropolis-Hastings algorithms using the Robbins-Monro process. Communications in
      Statistics: Theory and Methods 45(17), 2016.
    - B. T. Polyak and A. B. Juditsky. Acceleration of stochastic approximation by
      averaging. SIAM Journal on Control and Optimization 30(4), 1992.
    """
    dtype = state.dtype
    gain = 1.0 / (acceptance * (1.0 - acceptance))
    log_scale = tf.constant(math.log(scale), dtype)
    center = tf.reduce_mean(state, axis=0)

    def body(
        step: tf.Tensor,
        seed: tf.Tensor,
        state: tf.Tensor,
        results: Any,
        log_scale: tf.Tensor,
        means: tuple[tf.Tensor, ...],
    ) -> tuple:
        step_seed, seed = tfp.random.split_seed(seed, n=2)
        kernel = make_kernel(tf.exp(log_scale))
        state, results = kernel.one_step(state, results, seed=step_seed)
        # exp(min(0, .)), as exp(log_accept_ratio) overflows.
        accepted = tf.reduce_mean(tf.exp(tf.minimum(results.log_accept_ratio, 0.0)))
        step += 1
        step_size = gain * tf.cast(step, dtype) ** -_DECAY
        log_scale += step_size * (accepted - acceptance)
        # Running means, which start anew at each step of the first half.
        count = tf.cast(tf.maximum(step - num_steps // 2, 1), dtype)
        values = [log_scale]
        if measures_spread:
            powers = [state - center, tf.square(state - center)]
            values += [tf.reduce_mean(power, axis=0) for power in powers]
        means = tuple(
            mean + (value - mean) / count
            for mean, value in zip(means, values, strict=True)
        )
        return step, seed, state, results, log_scale, means

    moments = [tf.zeros_like(center)] * (2 if measures_spread else 0)
    _, _, state, results, _, (mean_log_scale, *moments) = tf.while_loop(
        lambda step, *_: step < num_steps,
        body,
        (tf.constant(0), seed, state, results, log_scale, (log_scale, *moments)),
    )
    variance = moments[1] - tf.square(moments[0]) if measures_spread else None
    return state, results, tf.exp(mean_log_scale), variance


def tune_parameter_scales(
    make_kernel: MakeKernel,
    state: tf.Tensor,
    results: tuple,
    *,
    num_steps: int,
    scale: float,
    acceptance: float,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tuple, tf.Tensor]:
    """Runs chains while it tunes a proposal scale for each dimension.

    The scales are the standard deviations of the states of all chains, times a common
    factor, which `tune_scale` finds. They are measured in windows, each as long as all
    before it together, as those of Stan's warm-up: a walk at the scale of the narrowest
    dimension needs several rounds to know the width of the others. The last window, half
    of the steps, keeps them, and tunes the factor.

    Args:
      make_kernel: callable, `Tensor` of scales `[D]` to `tfp.mcmc.RandomWalkMetropolis`.
      state: floating `Tensor` of shape `[num_chains, D]`.
      results: kernel results at `state`.
      num_steps: number of transitions, at least 1.
      scale: initial scale of all dimensions, Python `float`.
      acceptance: wanted mean acceptance probability, Python `float`.
      seed: stateless TFP seed.

    Returns:
      `(state, results, scales)` after the last step, scales of shape `[D]`.
    """
    best = optimal_scale(state.shape[-1])
    spread = tf.ones_like(state[0])
    ends = sorted({num_steps >> shift for shift in range(_NUM_WINDOWS)} - {0})
    seeds = tf.unstack(tfp.random.split_seed(seed, n=len(ends)))
    for start, end, window_seed in zip([0, *ends[:-1]], ends, seeds, strict=True):

        def make_scaled(factor: tf.Tensor, spread: tf.Tensor = spread) -> Any:
            return make_kernel(factor * spread)

        state, results, factor, variance = tune_scale(
            make_scaled,
            state,
            results,
            num_steps=end - start,
            scale=scale,
            acceptance=acceptance,
            seed=window_seed,
            measures_spread=end < num_steps,
        )
        if variance is not None:
            # Where no chain has moved, the proposals stay as they are.
            unmoved = factor * spread / best
            spread = tf.where(variance > 0.0, tf.sqrt(variance), unmoved)
            scale = best
    return state, results, factor * spread
