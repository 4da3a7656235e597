"""Gradient ascents from many points at once."""

from collections.abc import Callable

import numpy as np

# Points [M, D] to log densities [M] and their gradients [M, D], float64 arrays.
ValueAndGradient = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

_MEMORY = 10
_LONGEST_STEP = 4.0
# An ascent ends where a step would gain fewer nats, by the gradient, or fewer than about
# ten times the rounding of a log density in float32.
_TOLERANCE, _ROUNDING = 1e-4, 1e-6


def ascend(
    value_and_gradient: ValueAndGradient, points: np.ndarray, num_steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """L-BFGS ascents of a log density, all at once, each with its own memory.

    `tfp.optimizer.lbfgs_minimize` does the same, but takes seconds to trace, or eagerly,
    where this takes hundredths: its line search is a loop of its own. Here each step is
    one evaluation at all points; where a step does not rise enough (Armijo), the point
    stays, and its next step is shorter.

    J. Nocedal and S. Wright. Numerical Optimization. Springer, 2006. (Algorithms 3.1 and
    7.4)

    Args:
      value_and_gradient: function of `[M, D]` to log densities `[M]`, -inf where there is
        none, and gradients `[M, D]`.
      points: `[M, D]` array, in coordinates of which the unit is about one standard
        deviation: no step is longer than 4.
      num_steps: the largest number of evaluations.

    Returns:
      The highest points found, `[M, D]`, and their log densities, `[M]`.
    """
    x = np.array(points, np.float64)
    value, gradient = value_and_gradient(x)
    memory = np.zeros([2, len(x), _MEMORY, x.shape[1]])  # of steps and slopes
    length = np.ones(len(x))
    active = np.flatnonzero(np.isfinite(value))
    for _ in range(num_steps):
        direction = _direction(memory[:, active], gradient[active])
        gain = np.sum(direction * gradient[active], axis=1)
        is_open = gain > _TOLERANCE + _ROUNDING * np.abs(value[active])
        active, direction, gain = active[is_open], direction[is_open], gain[is_open]
        if not len(active):
            break
        norm = np.linalg.norm(direction, axis=1)
        share = np.minimum(length[active], _LONGEST_STEP / norm)
        move = share[:, np.newaxis] * direction
        new_value, new_gradient = value_and_gradient(x[active] + move)
        rises = new_value >= value[active] + 0.1 * share * gain
        slopes = gradient[active] - new_gradient
        is_concave = np.sum(move * slopes, axis=1) > 0.0
        # Along a slope that steepens there is no curvature to learn: go on, further.
        longer = np.where(is_concave, 1.0, 2.0 * share)
        length[active] = np.where(rises, longer, share / 4.0)

        learns = active[rises & is_concave]
        memory[:, learns] = np.roll(memory[:, learns], 1, axis=2)
        memory[0, learns, 0] = move[rises & is_concave]
        memory[1, learns, 0] = slopes[rises & is_concave]
        risen = active[rises]
        x[risen] += move[rises]
        value[risen], gradient[risen] = new_value[rises], new_gradient[rises]
    return x, value


def _direction(memory: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """H g by the two-loop recursion, of the steps and slopes `[2, M, m, D]`."""
    steps, slopes = memory
    curvature = np.sum(steps * slopes, axis=2)
    rho = np.divide(1.0, curvature, out=np.zeros_like(curvature), where=curvature > 0.0)
    shares = np.zeros_like(rho)
    direction = gradient.copy()
    for i in range(_MEMORY):
        shares[:, i] = rho[:, i] * np.sum(steps[:, i] * direction, axis=1)
        direction -= shares[:, i, np.newaxis] * slopes[:, i]
    squares = np.sum(slopes[:, 0] ** 2, axis=1)
    scale = np.divide(
        curvature[:, 0], squares, out=np.ones_like(squares), where=squares > 0.0
    )
    direction *= scale[:, np.newaxis]
    for i in reversed(range(_MEMORY)):
        back = rho[:, i] * np.sum(slopes[:, i] * direction, axis=1)
        direction += (shares[:, i] - back)[:, np.newaxis] * steps[:, i]
    return direction
