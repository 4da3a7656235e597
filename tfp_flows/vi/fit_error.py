"""A fit that could not go on."""

import numpy as np
import tensorflow as tf


class FitError(ArithmeticError):
    """Raised where losses or gradients stay infinite or NaN, after several attempts.

    Attributes:
      result: `FitResult` up to there. The flow holds its best parameters.
    """

    def __init__(self, message, result):
        super().__init__(message)
        self.result = result


def describe_failure(flow, target_log_prob_fn, state, *, sample_size, seed):
    """What went wrong at the last step, and what to try.

    Args:
      flow: the flow, with the parameters that failed.
      target_log_prob_fn: callable, `[S, ..., D]` to `[S, ...]`.
      state: `TrainingState`.
      sample_size: S.
      seed: stateless seed of the fit.

    Returns:
      `str`.
    """
    seed = tf.random.experimental.stateless_fold_in(seed, state.step - 1)
    x, log_q = flow.experimental_sample_and_log_prob(sample_size, seed=seed)
    log_p = tf.convert_to_tensor(target_log_prob_fn(x)).numpy()
    x, log_q = x.numpy(), log_q.numpy()
    excess = np.abs(log_q - log_p)
    excess = np.where(np.isfinite(excess), excess, np.inf)
    worst = np.unravel_index(np.argmax(excess), excess.shape)
    point = np.array2string(x[worst], precision=4, threshold=8)
    rate = float(tf.reduce_min(state.rate))
    return (
        f"The loss or a gradient was not finite at step {state.step - 1} and the steps "
        f"before it, for the {state.num_rollbacks + 1}th time, with the learning rate "
        f"down to {rate:g} of the given one. The worst sample of the flow there is "
        f"{point}, where the target's log density is {log_p[worst]:g} and the flow's "
        f"{log_q[worst]:g}. Make the target finite and differentiable there, lower the "
        "learning rate, or compute in float64. The flow holds its best parameters."
    )
