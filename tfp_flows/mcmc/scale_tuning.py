"""Tuning of the proposal scale of random-walk Metropolis."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

# Decay of the gain t^-0.6: slow enough to cover decades from a bad initial scale, and
# square-summable, as Robbins-Monro needs.
_DECAY = 0.6


def optimal_acceptance(event_size):
    """The acceptance rate at which a random walk mixes fastest.

    For a normal target it is 0.44 at D = 1 and 0.35 at D = 2 ([1]), and tends to 0.234
    ([2]). In between this is an interpolation, within 0.007 of the rate that maximises
    the expected squared jump on a normal target, for D from 1 to 50.

    Args:
      event_size: D, Python `int`.

    Returns:
      Python `float`.

    #### References

    [1]: A. Gelman, G. O. Roberts and W. R. Gilks. Efficient Metropolis jumping rules.
         Bayesian Statistics 5, 1996.
    [2]: G. O. Roberts, A. Gelman and W. R. Gilks. Weak convergence and optimal scaling
         of random walk Metropolis algorithms. Annals of Applied Probability 7(1), 1997.
    """
    return 0.234 + 0.206 * event_size**-0.85


def optimal_scale(event_size):
    """The best proposal scale for a standard normal target, 2.38 / sqrt(D)."""
    return 2.38 / event_size**0.5


def tune_scale(make_kernel, state, results, *, num_steps, scale, acceptance, seed):
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

    Returns:
      `(state, results, scale)` after the last step.

    #### References

    - P. H. Garthwaite, Y. Fan and S. A. Sisson. Adaptive optimal scaling of
      Metropolis-Hastings algorithms using the Robbins-Monro process. Communications in
      Statistics: Theory and Methods 45(17), 2016.
    - B. T. Polyak and A. B. Juditsky. Acceleration of stochastic approximation by
      averaging. SIAM Journal on Control and Optimization 30(4), 1992.
    """
    dtype = state.dtype
    gain = 1.0 / (acceptance * (1.0 - acceptance))
    initial_log_scale = tf.constant(math.log(scale), dtype)

    def body(step, seed, state, results, log_scale, mean_log_scale):
        step_seed, seed = tfp.random.split_seed(seed, n=2)
        kernel = make_kernel(tf.exp(log_scale))
        state, results = kernel.one_step(state, results, seed=step_seed)
        # exp(min(0, .)), as exp(log_accept_ratio) overflows.
        accepted = tf.reduce_mean(tf.exp(tf.minimum(results.log_accept_ratio, 0.0)))
        step += 1
        step_size = gain * tf.cast(step, dtype) ** -_DECAY
        log_scale += step_size * (accepted - acceptance)
        # A running mean, which starts anew at each step of the first half.
        count = tf.cast(tf.maximum(step - num_steps // 2, 1), dtype)
        mean_log_scale += (log_scale - mean_log_scale) / count
        return step, seed, state, results, log_scale, mean_log_scale

    _, _, state, results, _, mean_log_scale = tf.while_loop(
        lambda step, *_: step < num_steps,
        body,
        (tf.constant(0), seed, state, results, initial_log_scale, initial_log_scale),
    )
    return state, results, tf.exp(mean_log_scale)
