"""Roots of increasing scalar functions, with gradients to their parameters."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from tfp_flows.numerics.tensors import epsilon


def monotone_root(
    fn: Callable[..., tuple[tf.Tensor, tf.Tensor]],
    parameters: Sequence[tf.Tensor],
    lower: tf.Tensor,
    upper: tf.Tensor,
    start: tf.Tensor | None = None,
    max_iterations: int = 100,
) -> tf.Tensor:
    """Solves fn(x, *parameters) = 0 for x, elementwise, fn increasing in x.

    Newton's method within a bracket: a step that leaves the bracket, or is not clearly
    shorter than the last one, becomes a bisection.
    The iteration stops, for all elements together, when every step is below the square
    root of the dtype's epsilon, relative to x; two more Newton steps then reach the last
    bits that the rounding of `fn` allows.

    Only those two steps are seen by automatic differentiation, which starts from the
    root as a constant. A Newton step has derivative 0 with respect to its start, at the
    root, so that one step gives the first derivatives of the implicit function theorem,
    dx/dp = -(dfn/dp) / (dfn/dx), and two steps all derivatives up to the third, in
    reverse and forward mode. The loop itself costs no memory on the tape.

    Args:
      fn: callable, `(x, *parameters) -> (value, slope)`, of `Tensor`s of shape `[...]`:
        the function and its derivative with respect to x, positive at the root.
      parameters: sequence of `Tensor`s, to which gradients flow. They must be passed,
        rather than closed over, to get them.
      lower: `Tensor` of shape `[...]`: fn(lower, *parameters) <= 0.
      upper: `Tensor` of shape `[...]`: fn(upper, *parameters) >= 0.
      start: `Tensor` of shape `[...]` in the bracket; `None` is its midpoint.
      max_iterations: at most so many steps in the loop. Bisection alone needs about as
        many as the dtype has bits in mantissa and exponent; a good `start`, a handful.

    Returns:
      `Tensor` of shape `[...]`; NaN where an argument is NaN, or where the steps did
      not become small within `max_iterations`.
    """
    frozen = [tf.stop_gradient(parameter) for parameter in parameters]
    lower, upper = tf.stop_gradient(lower), tf.stop_gradient(upper)
    start = lower + 0.5 * (upper - lower) if start is None else tf.stop_gradient(start)
    tolerance = epsilon(start.dtype) ** 0.5

    def is_moving(x: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        # False for NaN, which no further step can mend, and for denormal steps.
        return step > tf.maximum(tolerance * tf.abs(x), 4.0 / x.dtype.max)

    def body(
        iteration: tf.Tensor,
        x: tf.Tensor,
        lower: tf.Tensor,
        upper: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        value, slope = fn(x, *frozen)
        lower = tf.where(value <= 0.0, x, lower)
        upper = tf.where(value >= 0.0, x, upper)
        newton = x - value / slope
        is_good = (newton >= lower) & (newton <= upper)
        is_good &= tf.abs(newton - x) <= 0.75 * step
        moved = tf.where(is_good, newton, lower + 0.5 * (upper - lower))
        # What has arrived stays: rounding would look like a step that is too long.
        moved = tf.where(is_moving(x, step), moved, x)
        return iteration + 1, moved, lower, upper, tf.abs(moved - x)

    _, root, _, _, step = tf.while_loop(
        lambda _iteration, x, _lower, _upper, step: tf.reduce_any(is_moving(x, step)),
        body,
        (0, start, lower, upper, start.dtype.max * tf.ones_like(start)),
        maximum_iterations=max_iterations,
    )
    nan = tf.constant(float("nan"), root.dtype)
    root = tf.stop_gradient(tf.where(is_moving(root, step), nan, root))
    for _ in range(2):
        value, slope = fn(root, *parameters)
        root = root - value / slope
    return root
