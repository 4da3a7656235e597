"""Checks of what a Gaussian start is given, before the search."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.density import Density
from tfp_flows.density.checks import (
    check_form,
    check_gradient,
    check_independence,
    evaluate_first,
)
from tfp_flows.training import xla_errors
from tfp_flows.vi.gaussian import Gaussian

# Largest D: there an iteration takes some five seconds.
LARGEST_SIZE = 1_000

# Points `[S, D]` to log densities `[S]` and gradients `[S, D]`.
ValueAndGradientFn: TypeAlias = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def resolve_event(
    density: Density, event_size: int | None, dtype: Any
) -> tuple[int, tf.DType]:
    """D and dtype, as given or as the target says."""
    if event_size is None:
        event_size = density.event_size
    if event_size is None:
        raise ValueError(
            "`event_size` must be given: the target does not say of how many numbers its "
            "points are."
        )
    event_size = numerics.check_size("event_size", event_size)
    if event_size > LARGEST_SIZE:
        raise ValueError(
            f"A full covariance of {event_size} numbers is too large: a Gaussian start "
            f"takes event_size <= {LARGEST_SIZE}."
        )
    if density.event_size not in (None, event_size):
        raise ValueError(
            f"The target is a density of vectors of size {density.event_size}, but got "
            f"event_size={event_size}."
        )
    if dtype is None:
        dtype = density.dtype or tf.float32
    return event_size, numerics.check_dtype(dtype)


def resolve_sample_size(sample_size: int | None, event_size: int) -> int:
    """S as given, made even, or the default."""
    if sample_size is None:
        return max(512, 4 * event_size)
    sample_size = numerics.check_size("sample_size", sample_size, least=4 * event_size)
    return sample_size + sample_size % 2


def first_gaussian(
    event_size: int, location: npt.ArrayLike | None, scale: float
) -> Gaussian:
    """The Gaussian that the search begins at."""
    scale = numerics.check_number("scale", scale, least=1e-12, most=1e12)
    try:
        given = np.zeros(event_size) if location is None else location
        mean = numerics.as_array("location", given).astype(float)
    except (TypeError, ValueError):
        mean = np.array(np.nan)
    if mean.shape != (event_size,) or not np.all(np.isfinite(mean)):
        raise ValueError(
            f"`location` must be {event_size} finite numbers, but got {location!r}."
        )
    return Gaussian(
        tf.constant(mean, tf.float64),
        scale * tf.eye(event_size, dtype=tf.float64),
    )


def compile_target(
    density: Density, points: tf.Tensor, jit_compile: bool
) -> ValueAndGradientFn:
    """The target and its gradient as a graph for points `[S, D]`, tried at `points`.

    Raises:
      TypeError: if the target returns another dtype.
      ValueError: if it fails, or returns another shape.
    """

    @tf.function(autograph=False, jit_compile=jit_compile)
    def value_and_gradient(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            log_prob = density(x)
            check_form(x, log_prob)
        return log_prob, tape.gradient(
            log_prob, x, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )

    try:
        with xla_errors(jit_compile):
            value_and_gradient(points)
    except Exception:
        # Is it the points, their number and dtype, or the graph?
        check_form(points, evaluate_first(density.log_prob_fn, points))
        density.trace(points)
        raise
    return value_and_gradient


def check_alone(value_and_gradient_fn: ValueAndGradientFn, points: tf.Tensor) -> None:
    """Raises ValueError if the density of a point depends on the points beside it.

    Args:
      value_and_gradient_fn: of `compile_target`.
      points: `[S, D]`, of which the second half takes the place of the first, too.
    """
    log_prob_fn, half = _values(value_and_gradient_fn), len(points) // 2
    rows = half + np.arange(len(points)) % half
    check_independence(log_prob_fn, points, log_prob_fn(points).numpy(), rows=rows)


def check_slopes(value_and_gradient_fn: ValueAndGradientFn, points: tf.Tensor) -> None:
    """Raises ValueError if there is no gradient, or another one than the slope.

    Args:
      value_and_gradient_fn: of `compile_target`.
      points: `[S, D]`, as far apart as the density is wide, or differences are rounded.
    """
    log_prob, gradient = value_and_gradient_fn(points)
    check_gradient(_values(value_and_gradient_fn), points, log_prob, gradient)


def _values(value_and_gradient_fn: ValueAndGradientFn) -> Callable:
    return lambda points: value_and_gradient_fn(points)[0]
