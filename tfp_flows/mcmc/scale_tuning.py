"""Tuning of the proposal scale of random-walk Metropolis."""

from collections.abc import Callable
from typing import TypeAlias

import tensorflow as tf

from tfp_flows.mcmc.blocks import loop_over_transitions
from tfp_flows.mcmc.random_walk import RandomWalk
from tfp_flows.mcmc.windows import window_lengths

# A scalar scale, or one for each dimension, [D, 1], to the kernel of chains.
MakeKernel: TypeAlias = Callable[[tf.Tensor], RandomWalk]

# Decay of the gain t^-0.6: slow enough to cover decades from a bad initial scale, and
# square-summable, as Robbins-Monro needs.
_DECAY = 0.6


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
    log_prob: tf.Tensor,
    *,
    num_steps: int | tf.Tensor,
    scale: float | tf.Tensor,
    acceptance: float,
    seed: tf.Tensor,
    measures_spread: bool = False,
) -> tuple[tf.Tensor, ...]:
    """Runs chains while it tunes their common proposal scale.

    Robbins-Monro on the log scale: step t adds `t^-0.6 (A - a) / (a (1 - a))`, with A
    the mean over chains of the acceptance probability min(1, p(x') / p(x)) and a the
    wanted `acceptance`. The factor 1 / (a (1 - a)) is that of Garthwaite, Fan & Sisson
    (2016) at D = 1; they decay as t^-1 and restart the search instead. The result is the
    mean of the log scale over the second half, which halves its error or better where
    chains are few (Polyak & Juditsky 1992).

    Args:
      make_kernel: callable, scalar `Tensor` scale to `RandomWalk`.
      state: floating `Tensor` of shape `[D, num_chains]`.
      log_prob: log densities at `state`, `[num_chains]`.
      num_steps: number of transitions; 0 leaves all as it is.
      scale: initial scale.
      acceptance: wanted mean acceptance probability, Python `float`.
      seed: stateless TFP seed.
      measures_spread: whether to measure the states, too.

    Returns:
      `(state, log_prob, scale)` after the last step, and where the states are measured
      the variance `[D, 1]` of those of all chains in the second half of the steps.

    #### References

    - P. H. Garthwaite, Y. Fan and S. A. Sisson. Adaptive optimal scaling of
      Metropolis-Hastings algorithms using the Robbins-Monro process. Communications in
      Statistics: Theory and Methods 45(17), 2016.
    - B. T. Polyak and A. B. Juditsky. Acceleration of stochastic approximation by
      averaging. SIAM Journal on Control and Optimization 30(4), 1992.
    """
    dtype = state.dtype
    gain = 1.0 / (acceptance * (1.0 - acceptance))
    log_scale = tf.math.log(tf.convert_to_tensor(scale, dtype))
    center = tf.reduce_mean(state, axis=1, keepdims=True)

    def transition(
        step: tf.Tensor,
        noise: tf.Tensor,
        log_uniform: tf.Tensor,
        state: tf.Tensor,
        log_prob: tf.Tensor,
        log_scale: tf.Tensor,
        means: tuple[tf.Tensor, ...],
    ) -> tuple:
        kernel = make_kernel(tf.exp(log_scale))
        state, results = kernel.move(state, log_prob, noise, log_uniform)
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
            values += [tf.reduce_mean(power, axis=1, keepdims=True) for power in powers]
        means = tuple(
            mean + (value - mean) / count
            for mean, value in zip(means, values, strict=True)
        )
        return state, results.target_log_prob, log_scale, means

    moments = [tf.zeros_like(center)] * (2 if measures_spread else 0)
    state, log_prob, _, (mean_log_scale, *moments) = loop_over_transitions(
        transition,
        (state, log_prob, log_scale, (log_scale, *moments)),
        num_steps=num_steps,
        state_shape=state.shape,
        dtype=dtype,
        seed=seed,
    )
    found = state, log_prob, tf.exp(mean_log_scale)
    return (*found, moments[1] - tf.square(moments[0])) if measures_spread else found


def tune_parameter_scales(
    make_kernel: MakeKernel,
    state: tf.Tensor,
    log_prob: tf.Tensor,
    *,
    num_steps: int,
    scale: float,
    acceptance: float,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Runs chains while it tunes a proposal scale for each dimension.

    The scales are the standard deviations of the states of all chains, times a common
    factor, which `tune_scale` finds. They are measured in windows, each as long as all
    before it together, as those of Stan's warm-up: a walk at the scale of the narrowest
    dimension needs several rounds to know the width of the others. The last window, half
    of the steps, keeps them, and tunes the factor.

    Args:
      make_kernel: callable, `Tensor` of scales `[D, 1]` to `RandomWalk`.
      state: floating `Tensor` of shape `[D, num_chains]`.
      log_prob: log densities at `state`, `[num_chains]`.
      num_steps: number of transitions, at least 1.
      scale: initial scale of all dimensions, Python `float`.
      acceptance: wanted mean acceptance probability, Python `float`.
      seed: stateless TFP seed.

    Returns:
      `(state, log_prob, scales)` after the last step, scales of shape `[D, 1]`.
    """
    best = tf.constant(optimal_scale(state.shape[0]), state.dtype)
    lengths = tf.constant(window_lengths(num_steps))

    # A loop over windows, which is compiled once.
    def window(
        index: tf.Tensor,
        state: tf.Tensor,
        log_prob: tf.Tensor,
        scale: tf.Tensor,
        spread: tf.Tensor,
        scales: tf.Tensor,
    ) -> tuple:
        del scales
        state, log_prob, factor, variance = tune_scale(
            lambda factor: make_kernel(factor * spread),
            state,
            log_prob,
            num_steps=lengths[index],
            scale=scale,
            acceptance=acceptance,
            seed=seed + tf.stack([index, 0]),
            measures_spread=True,
        )
        scales = factor * spread
        # Where no chain has moved, the proposals stay as they are.
        spread = tf.where(variance > 0.0, tf.sqrt(variance), scales / best)
        return index + 1, state, log_prob, best, spread, scales

    ones = tf.ones_like(state[:, :1])
    initial = tf.constant(scale, state.dtype)
    _, state, log_prob, *_, scales = tf.while_loop(
        lambda index, *_: index < lengths.shape[0],
        window,
        (tf.constant(0), state, log_prob, initial, ones, initial * ones),
    )
    return state, log_prob, scales
