"""Checks of the log density that a user brings."""

import re
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfp_flows import numerics

FAILURES = (ValueError, TypeError, IndexError, tf.errors.OpError)
_GRADIENT_ADVICE = (
    "A log density outside TensorFlow (tf.numpy_function, tf.py_function) needs its "
    "gradient by tf.custom_gradient; tf.stop_gradient, rounding and integers have none."
)
# Slopes of fewer roundings of a value, or of its points, say nothing.
_ROUNDINGS = 10.0
_POINT_ADVICE = (
    "The density of a point must depend on this point alone: with N observations, give "
    "points an axis for them, [..., 1, D], and sum over it, "
    "tf.reduce_sum(log_likelihood, axis=-1)."
)


def evaluate_first(log_prob_fn: Callable, points: tf.Tensor) -> tf.Tensor:
    """What `log_prob_fn` returns for `points`, or a ValueError that says why not."""
    try:
        return tf.convert_to_tensor(log_prob_fn(points))
    except Exception as error:  # whatever a function of the caller's raises
        raise ValueError(
            f"The target failed at its first evaluation, on points of shape "
            f"{points.shape} and dtype {points.dtype.name}: {first_line(error)} Check "
            "that it is a density of vectors of that size (event_size) and dtype."
        ) from error


def check_form(points: tf.Tensor, log_prob: tf.Tensor, name: str = "The target") -> None:
    """Raises unless `log_prob` has the dtype of `points` and a number for each."""
    if log_prob.dtype != points.dtype:
        raise TypeError(
            f"{name} returned {log_prob.dtype.name} for points of "
            f"{points.dtype.name}; compute it in {points.dtype.name}, or ask for points "
            f"of dtype=tf.{log_prob.dtype.name}."
        )
    if log_prob.shape != points.shape[:-1]:
        raise ValueError(
            f"{name} returned shape {log_prob.shape} for points of shape "
            f"{points.shape}, but must return one number per point, shape "
            f"{points.shape[:-1]}; reduce over the last axis only."
        )


def check_values(points: tf.Tensor, log_prob: tf.Tensor) -> None:
    """Raises unless `log_prob` is one number, not NaN or +inf, for each of `points`."""
    check_form(points, log_prob)
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


def check_independence(
    log_prob_fn: Callable,
    points: tf.Tensor,
    values: np.ndarray,
    *,
    rows: np.ndarray | None = None,
) -> None:
    """Raises if the density of a point depends on the points beside it.

    A forgotten sum over N observations has the right shape by accident where there are
    N points, but not for another number of them. Random targets, of which two equal
    evaluations differ, are checked for shapes only.

    Args:
      log_prob_fn: callable, `[S, ..., D]` to `[S, ...]`.
      points: `Tensor` of shape `[S, ..., D]`.
      values: array of shape `[S, ...]`, what it returned for them.
      rows: indices of the points to evaluate together; `None` is a few.
    """
    size = len(values)
    if rows is None:
        rows = np.arange(3 if size != 3 else 5) % size
    few = len(rows)
    some, expected = tf.gather(points, rows), values[rows]
    try:
        first, second = (np.asarray(log_prob_fn(some)) for _ in range(2))
    except Exception as error:  # whatever a function of the caller's raises
        raise ValueError(
            f"The target works for {size} points, but fails for {few} of them: "
            f"{first_line(error)} {_POINT_ADVICE}"
        ) from error
    if first.shape != expected.shape:
        raise ValueError(
            f"The target returned shape {first.shape} for {few} of {size} points, of "
            f"shape {some.shape}. {_POINT_ADVICE}"
        )
    rounding = numerics.epsilon(points.dtype) ** 0.5
    first, second, expected = (
        np.asarray(x, np.float64) for x in (first, second, expected)
    )
    is_random = not np.array_equal(first, second, equal_nan=True)
    if not is_random and not np.allclose(first, expected, rounding, rounding):
        raise ValueError(
            f"The target gives {few} points other values alone than among {size} points. "
            f"{_POINT_ADVICE}"
        )


def check_gradient(
    log_prob_fn: Callable,
    points: tf.Tensor,
    log_prob: tf.Tensor,
    gradient: tf.Tensor | None,
) -> None:
    """Raises if no gradient reaches the points, or another one than the slope.

    Slopes are central differences over a fiftieth of the spread of `points`, which say
    something where half of that gives the same, and where they or those of the gradient
    are above the rounding of points and values: not at kinks, not where a large density
    is rounded, and not of a random target.

    Args:
      log_prob_fn: callable, `[S, ..., D]` to `[S, ...]`.
      points: `Tensor` of shape `[S, ..., D]`.
      log_prob: `[S, ...]`, its values there.
      gradient: `[S, ..., D]`, that of their sum, or `None` if there is none.

    Raises:
      ValueError: as above.
    """
    is_flat = bool(tf.reduce_all(log_prob == tf.reshape(log_prob, [-1])[0]))
    if gradient is None or not (is_flat or tf.reduce_any(gradient != 0.0)):
        raise ValueError(
            f"No gradient flows from the target to its points. {_GRADIENT_ADVICE}"
        )
    spread = tf.math.reduce_std(points, axis=0)
    signs = tf.sign(
        tf.random.stateless_normal(tf.shape(points), [0, 1], dtype=spread.dtype)
    )
    move = 0.02 * signs * tf.where(spread > 0.0, spread, tf.ones_like(spread))
    coarse, fine = (
        (log_prob_fn(points + h * move) - log_prob_fn(points - h * move)).numpy()
        / (2 * h)
        for h in (1.0, 0.5)
    )
    stated = tf.reduce_sum(gradient * move, axis=-1).numpy()
    rounded = tf.abs(log_prob) + tf.reduce_sum(tf.abs(gradient * points), axis=-1)
    rounding = _ROUNDINGS * numerics.epsilon(points.dtype) * rounded.numpy()
    with np.errstate(invalid="ignore"):  # -inf outside the support
        is_sure = np.abs(coarse - fine) <= 0.03 * np.abs(fine)
        is_sure &= np.maximum(np.abs(stated), np.abs(fine)) >= rounding
        is_wrong = is_sure & (np.abs(stated - fine) > 0.1 * np.abs(fine))
    if 2 * np.sum(is_sure) >= is_sure.size and 2 * np.sum(is_wrong) > np.sum(is_sure):
        raise ValueError(
            "The gradient of the target is not its slope: at "
            f"{np.sum(is_wrong)} of {is_sure.size} points it differs from finite "
            f"differences. {_GRADIENT_ADVICE}"
        )


def first_line(error: Exception) -> str:
    """The first line of its message that says what went wrong, as a sentence.

    TensorFlow's "{{function_node ...}}", and the places that it lists, are left out.
    """
    text = re.sub(r"{{.*?}}\s*", "", str(error)).strip()
    if text.startswith("Graph execution error"):
        text = text.split("\n\n")[-1].strip()
    line = text.splitlines()[0].rstrip() if text else type(error).__name__
    line = line.removesuffix(" name:")  # of an operation that has none
    return line if line.endswith((".", "!", "?")) else f"{line}."
