"""A density over vectors, and the checks of it before long work."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.density.checks import (
    FAILURES,
    check_gradient,
    check_independence,
    check_values,
    evaluate_first,
    first_line,
)
from tfp_flows.density.xla_cost import arithmetic_depth, largest_factorization

_NUM_FINGERPRINT = 8
_NUM_SLOPES = 64
# A recursion of 60 operations compiles in a second, one of 100 in more than a minute.
_LARGEST_DEPTH = 80
# Milliseconds of a training step, 16 planar layers and 2,048 samples, by XLA / without:
# 3 rows 2.1 / 6.7, 4 rows 16 / 7.7, 8 rows 11 / 9.8, 16 rows 30 / 17; and XLA takes 3 to
# 8 s more to compile (`benchmarks.factorizations`).
_LARGEST_FACTORIZATION = 3


@dataclasses.dataclass(frozen=True)
class Density:
    """A density over vectors, known up to a constant: p(x) = exp(log_prob_fn(x)) / Z.

    Attributes:
      log_prob_fn: callable, `Tensor` of shape `[S, ..., D]` to `[S, ...]`: what fits
        use, finite beyond a hard edge where the target provides that.
      log_normalizer: log Z of `log_prob_fn`, a `float`; `None` if it is not known.
      event_size: D, or `None` if the target does not say.
      dtype: `tf.DType` of points, or `None` if the target does not say.
      modes: an object with `mode_responsibilities` and `mode_probabilities`, such as a
        `tff.targets.Energy`, or `None`.
      name: Python `str`.
      normalized_log_prob_fn: like `log_prob_fn`, of log Z = 0, and -inf outside the
        support; `None` if the target has no such function.
    """

    log_prob_fn: Callable[[tf.Tensor], tf.Tensor]
    log_normalizer: float | None = None
    event_size: int | None = None
    dtype: tf.DType | None = None
    modes: Any = None
    name: str = "target"
    normalized_log_prob_fn: Callable[[tf.Tensor], tf.Tensor] | None = None

    def __call__(self, points: tf.Tensor) -> tf.Tensor:
        """The log density at `points`.

        It and its gradient have static shapes, also out of `tf.numpy_function`.

        Args:
          points: `Tensor` of shape `[S, ..., D]`.

        Returns:
          `Tensor` of shape `[S, ...]`.
        """
        log_prob = tf.convert_to_tensor(self.log_prob_fn(_shape_gradient(points)))
        return _shape(log_prob, points.shape[:-1])

    def exact(self) -> "Density":
        """The density to judge by: -inf outside the support, and log Z = 0 if known."""
        if self.normalized_log_prob_fn is None:
            return self
        return dataclasses.replace(
            self, log_prob_fn=self.normalized_log_prob_fn, log_normalizer=0.0
        )

    def check(self, points: tf.Tensor) -> tf.Tensor:
        """Evaluates the density for the first time, eagerly, and checks the result.

        Args:
          points: `Tensor` of shape `[S, ..., D]`.

        Returns:
          `Tensor` of shape `[S, ...]`, without NaN or +inf; -inf is left to the caller.

        Raises:
          TypeError: if another dtype is returned.
          ValueError: if the target fails, or returns another shape, NaN or +inf, or if
            the density of a point depends on the points beside it.
        """
        log_prob = evaluate_first(self.log_prob_fn, points)
        check_values(points, log_prob)
        check_independence(self.log_prob_fn, points, log_prob.numpy())
        return log_prob

    def check_gradient(self, points: tf.Tensor) -> None:
        """Checks that the density compiles, and that its gradient is its slope.

        Args:
          points: `Tensor` of shape `[S, ..., D]`, at which `check` has passed.

        Raises:
          ValueError: if the target is not made of TensorFlow operations, if no gradient
            reaches the points, or if a part of the density has none.
        """
        points = points[:_NUM_SLOPES]
        log_prob_fn = self.trace(points)
        with tf.GradientTape() as tape:
            tape.watch(points)
            log_prob = log_prob_fn(points)
        gradient = tape.gradient(log_prob, points)
        check_gradient(log_prob_fn, points, log_prob, gradient)

    def value_and_gradient(self, points: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Log densities `[S, ...]`, and their gradients `[S, ..., D]` or `None`."""
        with tf.GradientTape() as tape:
            tape.watch(points)
            log_prob = self(points)
        try:
            return log_prob, tape.gradient(log_prob, points)
        except LookupError:  # an operation that has none
            return log_prob, None

    def in_float64(self, points: tf.Tensor) -> "Density | None":
        """The same density, evaluated in float64, or `None` if the target is not for it.

        Args:
          points: `Tensor` of shape `[S, ..., D]`, at which `check` has passed.
        """

        def log_prob_fn(x: tf.Tensor) -> tf.Tensor:
            return self.log_prob_fn(tf.cast(x, tf.float64))

        try:
            values = tf.convert_to_tensor(log_prob_fn(points))
        except FAILURES:  # parameters of another dtype
            return None
        expected = self(points).numpy().astype(np.float64)
        rounding = numerics.epsilon(points.dtype) ** 0.5
        same = values.dtype == tf.float64 and np.allclose(
            values, expected, rounding, rounding
        )
        return dataclasses.replace(self, log_prob_fn=log_prob_fn) if same else None

    def trace(
        self, points: tf.Tensor, *, gradient: bool = False
    ) -> tf.types.experimental.ConcreteFunction:
        """The density as a TensorFlow graph, for points of this shape and dtype.

        Args:
          points: `Tensor` of shape `[S, ..., D]`, whose values do not matter.
          gradient: whether the graph is that of `value_and_gradient`.

        Returns:
          `ConcreteFunction`, of `[S, ..., D]`.

        Raises:
          ValueError: if it cannot be traced.
        """
        function = self.value_and_gradient if gradient else self.__call__
        graph_fn = tf.function(function, autograph=False)
        spec = tf.TensorSpec(points.shape, points.dtype)
        try:
            return graph_fn.get_concrete_function(spec)
        except Exception as error:
            raise ValueError(
                "The target works on a Tensor of numbers but cannot be compiled: "
                f"{first_line(error)} Write it with TensorFlow operations only, without "
                "NumPy, `.numpy()` or Python `if`s on its values, or wrap it in "
                "tf.numpy_function with a tf.custom_gradient."
            ) from error

    def suits_xla(self, points: tf.Tensor) -> bool:
        """Whether XLA compiles the density and its gradient in seconds, and well.

        It fuses long chains of elementwise operations, such as those of recursions that
        are unrolled, in ways that take minutes; `tf.scan` has none. On CPUs it makes
        Cholesky factors and the like of a matrix for each point column by column.

        Args:
          points: `Tensor` of shape `[S, ..., D]`, whose values do not matter, of a
            density that has passed `check_gradient`. S had better be the size of no
            other axis of the density, by which matrices for each point are known.
        """
        graph_fn = self.trace(points)
        if arithmetic_depth(graph_fn) > _LARGEST_DEPTH:
            return False
        if not numerics.has_only_cpus():
            return True
        return largest_factorization(graph_fn, len(points)) <= _LARGEST_FACTORIZATION

    def fingerprint(self, points: tf.Tensor) -> np.ndarray:
        """The density at the first eight points, to know it by.

        Args:
          points: `Tensor` of shape `[S, ..., D]`.

        Returns:
          Array of shape `[min(S, 8), ...]` of the dtype of the points, whose rounding
          those who compare it go by; NaN where a second evaluation gives another number,
          as that of a random target does.
        """
        points = tf.convert_to_tensor(points)[:_NUM_FINGERPRINT]
        first, second = (np.asarray(self(points)) for _ in range(2))
        return np.where(first == second, first, first.dtype.type(np.nan))


def _shape(tensor: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    return tensor if tensor.shape.is_fully_defined() else tf.ensure_shape(tensor, shape)


@tf.custom_gradient
def _shape_gradient(points: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """`points`, to which a gradient comes in their shape."""
    return tf.identity(points), lambda upstream: _shape(upstream, points.shape)
