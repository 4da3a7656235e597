"""Where chains start."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics

# Rounds of redrawing the initial points at which the target is -inf.
_MAX_ROUNDS = 100


def convert_initial_state(initial_state, num_chains):
    """`initial_state` as a `Tensor` `[num_chains, D]`, or raises ValueError."""
    if initial_state is None:
        return None
    state = tf.convert_to_tensor(initial_state)
    if state.shape.rank != 2 or state.shape[0] != num_chains:
        raise ValueError(
            f"`initial_state` must have shape [num_chains, D] = [{num_chains}, D], but "
            f"got shape {state.shape}; give one starting point per chain."
        )
    return state


def check_initial_state(log_prob_fn, state):
    """Raises unless the target is finite at each row of `state`.

    A chain cannot leave a point of log density -inf: no ratio to it is finite.

    Args:
      log_prob_fn: callable, `[num_chains, D]` to `[num_chains]`.
      state: floating `Tensor` of shape `[num_chains, D]`.

    Raises:
      TypeError: if the target returns another dtype.
      ValueError: if the target fails, returns another shape than `[num_chains]`, or is
        not finite at a point.
    """
    log_prob = numerics.first_evaluation(log_prob_fn, state).numpy()
    is_outside = np.isneginf(log_prob)
    if np.any(is_outside):
        first = np.asarray(state)[is_outside][0]
        raise ValueError(
            f"The target is -inf at {np.sum(is_outside)} of {log_prob.size} points of "
            f"`initial_state`, for example at {np.array2string(first, threshold=8)}; "
            "start every chain inside the support."
        )


def draw_initial_state(log_prob_fn, num_chains, event_size, *, spread, dtype, seed):
    """Draws starting points from a normal, restricted to the target's support.

    Args:
      log_prob_fn: callable, `[num_chains, D]` to `[num_chains]`.
      num_chains: Python `int`.
      event_size: D, Python `int`.
      spread: standard deviation of the normal around the origin.
      dtype: floating `tf.DType`.
      seed: stateless TFP seed.

    Returns:
      `Tensor` of shape `[num_chains, D]`, at which the target is finite.

    Raises:
      TypeError: if the target returns another dtype.
      ValueError: if the target fails, returns another shape than `[num_chains]`, or NaN
        or +inf, or if 100 draws per chain do not find its support.
    """
    shape = [num_chains, event_size]
    state = tf.zeros(shape, dtype)
    is_outside = tf.ones([num_chains], tf.bool)
    for _ in range(_MAX_ROUNDS):
        draw_seed, seed = tfp.random.split_seed(seed, n=2)
        draws = spread * tf.random.stateless_normal(shape, draw_seed, dtype=dtype)
        state = tf.where(is_outside[:, tf.newaxis], draws, state)
        is_outside = tf.math.is_inf(numerics.first_evaluation(log_prob_fn, state))
        if not tf.reduce_any(is_outside):
            return state
    raise ValueError(
        f"{np.sum(is_outside)} of {num_chains} chains have no starting point: the "
        f"target is -inf at {_MAX_ROUNDS} draws of each from a normal of standard "
        f"deviation {spread} around the origin. Pass `initial_state` of shape {shape} "
        "inside the support, or another `initial_spread`."
    )
