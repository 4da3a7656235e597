"""Checks of the log density that a user brings."""

import re

import numpy as np
import tensorflow as tf


def first_evaluation(log_prob_fn, points):
    """Evaluates `log_prob_fn` once, eagerly, and checks what it returns.

    Args:
      log_prob_fn: callable, `Tensor` of shape `[..., D]` to `Tensor` of shape `[...]`.
      points: `Tensor` of shape `[..., D]`.

    Returns:
      `Tensor` of shape `[...]`, without NaN or +inf; -inf is left to the caller.

    Raises:
      TypeError: if `log_prob_fn` is not callable, or returns another dtype.
      ValueError: if it fails, or returns another shape, NaN or +inf.
    """
    if not callable(log_prob_fn):
        raise TypeError(
            "`target_log_prob_fn` must be a function of points [..., D] that returns "
            f"log densities [...], but got {log_prob_fn!r}."
        )
    try:
        log_prob = tf.convert_to_tensor(log_prob_fn(points))
    except (ValueError, TypeError, IndexError, tf.errors.OpError) as error:
        # Without TensorFlow's "{{function_node ...}}" in front.
        message = re.sub(r"{{.*?}}\s*", "", str(error)).strip().splitlines()
        message = message or [type(error).__name__]
        raise ValueError(
            f"The target failed at its first evaluation, on points of shape "
            f"{points.shape} and dtype {points.dtype.name}: {message[0]} Check that it "
            "is a density of vectors of that size (event_size) and dtype."
        ) from error
    if log_prob.dtype != points.dtype:
        raise TypeError(
            f"The target returned {log_prob.dtype.name} for points of "
            f"{points.dtype.name}; compute it in {points.dtype.name}, or ask for points "
            f"of dtype=tf.{log_prob.dtype.name}."
        )
    if log_prob.shape != points.shape[:-1]:
        raise ValueError(
            f"The target returned shape {log_prob.shape} for points of shape "
            f"{points.shape}, but must return one number per point, shape "
            f"{points.shape[:-1]}; reduce over the last axis only."
        )
    values = log_prob.numpy()
    is_bad = np.isnan(values) | (values == np.inf)
    if np.any(is_bad):
        first = np.asarray(points)[is_bad][0]
        raise ValueError(
            f"The target is NaN or +inf at {np.sum(is_bad)} of {values.size} points of "
            f"its first evaluation, for example {values[is_bad][0]} at "
            f"{np.array2string(first, precision=4, threshold=8)}; make it finite, or "
            "-inf outside its support."
        )
    return log_prob


def known_log_normalizer(log_prob_fn):
    """The log Z of a log density, if it is a method of a distribution that knows it.

    Args:
      log_prob_fn: callable.

    Returns:
      `float`, 0 for a `log_prob`; `None` if it is not known.
    """
    owner, name = (
        getattr(log_prob_fn, "__self__", None),
        getattr(log_prob_fn, "__name__", None),
    )
    if name == "log_prob" and hasattr(owner, "log_prob"):
        return 0.0
    if name == "unnormalized_log_prob" and hasattr(owner, "log_normalizer"):
        return float(owner.log_normalizer())
    return None
