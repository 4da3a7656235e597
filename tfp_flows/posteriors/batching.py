"""Densities of one point at a time, made densities of many."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.density.checks import FAILURES, first_line

# A prime that is rarely the size of anything in a model.
_NUM_POINTS = 7
# How many times as far gradients of mapped programs are compared, too: to where numbers
# such as probabilities are near their edges, not on them.
_FAR = 4.0


def for_many_points(
    log_prob_fn: Callable[[tf.Tensor], tf.Tensor],
    event_size: int,
    dtype: tf.DType,
    *,
    is_auto_batched: bool = False,
) -> tuple[Callable[[tf.Tensor], tf.Tensor], bool]:
    """A log density of vectors `[..., D]`, of one that may know `[D]` only.

    Models are written for one point, and not all of them say the right thing of several:
    scalars `[S]` meet plates `[8]`. Where the values of a few points together are not
    those of each alone, all points go through `tf.vectorized_map`.

    Args:
      log_prob_fn: callable, `[S, D]` or `[D]` to log densities.
      event_size: D.
      dtype: of the vectors.
      is_auto_batched: whether `log_prob_fn` maps over points itself.

    Returns:
      A pair of the callable, `[..., D]` to `[...]`, and whether XLA can compile it.

    Raises:
      ValueError: if the log density fails for one vector `[D]`, or is no scalar there,
        or TensorFlow cannot map it over vectors.
    """
    points = tf.random.stateless_normal([_NUM_POINTS, event_size], [0, 1], dtype=dtype)
    maps = is_auto_batched or not _agrees(log_prob_fn, points)
    of_flat = _mapped(_checked(log_prob_fn)) if maps else log_prob_fn
    # One trace for any number of points, eager or in the graph of a fit.
    points_spec = tf.TensorSpec([None, event_size], dtype)
    try:
        traced = tf.function(of_flat, autograph=False).get_concrete_function(points_spec)
        if maps and traced(points).shape.rank != 1:
            _one_by_one(log_prob_fn, points)  # says that it is no number
    except _FirstEvaluationError:
        raise
    except FAILURES as error:
        if not maps:
            raise
        _one_by_one(log_prob_fn, points)  # the model itself may fail, when it is run
        mapped_values = _mapped_values(log_prob_fn, points)
        if mapped_values is None:
            raise ValueError(
                "TensorFlow cannot map the log density and its gradient over points, as "
                "in some loops over what depends on unknowns: write the model for many "
                "points, as a tfd.JointDistributionCoroutine with Root, where leading "
                "dimensions are points (x[..., 0] for x[0]). It said: "
                f"{str(error).strip().splitlines()[-1]}"
            ) from error
        traced = mapped_values

    def of_many(z: tf.Tensor) -> tf.Tensor:
        log_prob = tf.reshape(traced(tf.reshape(z, [-1, event_size])), tf.shape(z)[:-1])
        log_prob.set_shape(z.shape[:-1])
        return log_prob

    return of_many, not _has_lists_of_lists(traced)


class _FirstEvaluationError(ValueError):
    """Of a log density that fails at one point, or is no number there."""


def _checked(log_prob_fn: Callable) -> Callable[[tf.Tensor], tf.Tensor]:
    """The log density of one point `[D]`, with errors that say what it must be."""

    def of_one(point: tf.Tensor) -> tf.Tensor:
        try:
            log_prob = tf.convert_to_tensor(log_prob_fn(point))
        except Exception as error:  # whatever a function of the caller's raises
            raise _FirstEvaluationError(
                "The log density failed at its first evaluation, at one point without "
                f"leading dimensions: {first_line(error)} It must take one as well as "
                "many, which come first (x[..., 0] for x[:, 0])."
            ) from error
        if log_prob.shape.rank not in (None, 0):
            raise _FirstEvaluationError(
                f"The log density of one point has shape {log_prob.shape}, but must be "
                "one number: make batch dimensions part of the event, by "
                "tfd.Independent, tfd.Sample or an AutoBatched joint distribution."
            )
        return log_prob

    return of_one


def _one_by_one(log_prob_fn: Callable, points: tf.Tensor) -> tf.Tensor:
    """The log densities of points `[S, D]`, each alone."""
    # Eager calls of joints that map over points trace anew, each time.
    of_one = _checked(tf.function(log_prob_fn, autograph=False))
    return tf.stack([of_one(point) for point in tf.unstack(points)])


def _has_lists_of_lists(traced: tf.types.experimental.ConcreteFunction) -> bool:
    """Whether there are those that mapped loops become, which XLA does not know."""
    graph = traced.graph.as_graph_def()
    functions = (function.node_def for function in graph.library.function)
    return any(
        node.op == "TensorListReserve"
        and tf.as_dtype(node.attr["element_dtype"].type) == tf.variant
        for node in itertools.chain(graph.node, *functions)
    )


def _mapped(log_prob_fn: Callable) -> Callable[[tf.Tensor], tf.Tensor]:
    """`[S, D]` to `[S]`, each point and its gradient alone.

    `tf.vectorized_map` loses custom gradients, such as that of `tfb.Softplus`: the
    gradient is taken within the map.
    """

    def value_and_gradient(point: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(point)
            log_prob = log_prob_fn(point)
        gradient = tape.gradient(
            log_prob, point, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return log_prob, gradient

    @tf.custom_gradient
    def of_flat(z: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        log_prob, slope = tf.vectorized_map(value_and_gradient, z)

        def gradient(upstream: tf.Tensor, variables: Any = ()) -> tuple:
            # Those that the model reads get none: it is fixed.
            return upstream[:, tf.newaxis] * slope, [None] * len(variables)

        return log_prob, gradient

    return of_flat


def _mapped_values(
    log_prob_fn: Callable, points: tf.Tensor
) -> tf.types.experimental.ConcreteFunction | None:
    """`[S, D]` to `[S]`, each point alone, with the gradient of the mapped program.

    TensorFlow maps loops such as that of `tfd.HiddenMarkovModel`, but not what makes
    their gradients. Custom gradients are lost: that of `tfb.Softplus` is NaN from 89 on
    in float32 then. Where gradients are not those of each point alone, it is `None`.
    """

    def of_flat(z: tf.Tensor) -> tf.Tensor:
        return tf.vectorized_map(log_prob_fn, z)

    both = tf.concat([points, _FAR * points], axis=0)
    spec = tf.TensorSpec([None, points.shape[-1]], points.dtype)
    try:
        traced = tf.function(of_flat, autograph=False).get_concrete_function(spec)
        slopes = _slope(traced, both)
    except FAILURES:
        return None
    of_one = tf.function(log_prob_fn, autograph=False)
    alone = np.stack([_slope(of_one, point) for point in tf.unstack(both)])
    largest = np.max(np.abs(alone), axis=-1, keepdims=True)
    room = numerics.epsilon(points.dtype) ** 0.5 * (1.0 + largest)
    are_equal = np.isclose(slopes, alone, rtol=0.0, atol=room, equal_nan=True)
    return traced if np.all(are_equal) else None


def _slope(log_prob_fn: Callable, z: tf.Tensor) -> np.ndarray:
    with tf.GradientTape() as tape:
        tape.watch(z)
        log_prob = log_prob_fn(z)
    zero = tf.UnconnectedGradients.ZERO
    slope = tape.gradient(log_prob, z, unconnected_gradients=zero)
    return tf.convert_to_tensor(slope).numpy()  # of a gather, it is sparse


def _agrees(log_prob_fn: Callable, points: tf.Tensor) -> bool:
    """Whether points together have the log densities that each has alone."""
    alone = _one_by_one(log_prob_fn, points)
    try:
        together = log_prob_fn(points)
    except FAILURES:
        return False
    if together.shape != alone.shape:
        return False
    rounding = numerics.epsilon(alone.dtype) ** 0.5
    return np.allclose(together, alone, rounding, rounding, equal_nan=True)
