"""The negative log likelihood of a batch of points, and what is wrong where it fails."""

import numpy as np
import tensorflow as tf

from tfp_flows.vi.data_arguments import align


def mean_nll(flow, points, num_points):
    """The mean negative log likelihood in nats, `[...]`, the batch shape of the flow.

    Args:
      flow: `tfd.Distribution`.
      points: `Tensor` of shape `[B, *event_shape]`.
      num_points: how many of them count, a scalar `Tensor`; `None` is all.
    """
    nll = -flow.log_prob(align(flow, points))
    if num_points is None:
        return tf.reduce_mean(nll, axis=0)
    counts = tf.range(tf.shape(nll)[0]) < num_points
    counts = tf.reshape(counts, [-1] + [1] * (nll.shape.rank - 1))
    total = tf.reduce_sum(tf.where(counts, nll, tf.zeros_like(nll)), axis=0)
    return total / tf.cast(num_points, nll.dtype)


def check_support(flow, log_prob_fn, points, name):
    """Raises ValueError if the density is not finite and positive at all points.

    Args:
      flow: `tfd.Distribution`.
      log_prob_fn: what `compile_log_prob` returned for it.
      points: array `[N, *event_shape]`.
      name: of the argument, for the message.
    """
    log_prob = log_prob_fn(points)
    is_bad = ~np.isfinite(log_prob)
    is_bad_point = np.any(is_bad, axis=tuple(range(1, is_bad.ndim)))
    if np.any(is_bad_point):
        first = int(np.argmax(is_bad_point))
        value = log_prob[first][is_bad[first]].flat[0]
        raise ValueError(
            f"log_prob of the initial {flow.name} is not finite at "
            f"{np.sum(is_bad_point)} of {len(points)} points of `{name}`, for example "
            f"{value} at {_text(points[first])} (index {first}); such points are outside "
            "its support, or so far away that numbers overflow: transform the data, for "
            "example by standardising them, or take another base."
        )


def describe_failure(flow, batches, state):
    """What went wrong at the last step, and what to try.

    Args:
      flow: the flow, with the parameters that failed.
      batches: the batches of the fit.
      state: `TrainingState`.

    Returns:
      `str`.
    """
    points, _ = batches.batch(tf.constant(state.step - 1))
    log_prob = flow.log_prob(align(flow, points)).numpy()
    log_prob = np.where(np.isfinite(log_prob), log_prob, -np.inf)
    worst = np.unravel_index(np.argmin(log_prob), log_prob.shape)
    rate = float(tf.reduce_min(state.rate))
    return (
        f"The loss or a gradient was not finite at step {state.step - 1} and the steps "
        f"before it, for the {state.num_rollbacks + 1}th time, with the learning rate "
        f"down to {rate:g} of the given one. The least likely point of that batch is "
        f"{_text(points[worst[0]].numpy())}, whose log density is {log_prob[worst]:g}. "
        "Standardise the data, lower the learning rate, or compute in float64. The flow "
        "holds its best parameters."
    )


def _text(point):
    return np.array2string(point, precision=4, threshold=8)
