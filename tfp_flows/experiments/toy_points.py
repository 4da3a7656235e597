"""Points in the plane that density estimators are tried on, with their exact density.

Two moons and circles are those of scikit-learn (`make_moons`, `make_circles`), drawn
independently along the curves instead of on a grid of them; the pinwheel is that of
Johnson et al. (2016), with the numbers of Grathwohl et al. (FFJORD, 2019).
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

# Points per curve of the quadrature: they are less than a tenth of the noise apart.
_NODES = 1_024


@dataclasses.dataclass(frozen=True)
class ToyPoints:
    """A distribution of points in the plane.

    Attributes:
      title: what it is, with the size of its noise.
      sample: callable, `(num_points, rng) -> [N, 2]`, of a NumPy generator.
      log_density: callable, `[N, 2] -> [N]`, exact up to quadrature.
    """

    title: str
    sample: Callable[[int, np.random.Generator], np.ndarray]
    log_density: Callable[[np.ndarray], np.ndarray]


def noisy_curves(
    title: str, curves: Sequence[Callable[[np.ndarray], np.ndarray]], noise: float
) -> ToyPoints:
    """Points along curves, each as likely as another, with normal noise.

    Args:
      title: of the result.
      curves: list of callables, positions in (0, 1), `[N]`, to points, `[N, 2]`, of
        constant speed.
      noise: standard deviation of either coordinate.

    Returns:
      `ToyPoints`.
    """

    def sample(num_points: int, rng: np.random.Generator) -> np.ndarray:
        position = rng.uniform(size=num_points)
        which = rng.integers(len(curves), size=num_points)
        points = np.stack([curve(position) for curve in curves])[which, range(num_points)]
        return points + noise * rng.standard_normal([num_points, 2])

    # The mean over the midpoints of equal parts of each curve.
    midpoints = (np.arange(_NODES) + 0.5) / _NODES
    centers = np.concatenate([curve(midpoints) for curve in curves])

    def log_density(x: np.ndarray) -> np.ndarray:
        squared = sum(
            np.square(x[:, d, np.newaxis] - centers[:, d]) / noise**2 for d in (0, 1)
        )
        lowest = np.min(squared, axis=-1)
        total = np.mean(np.exp(-0.5 * (squared - lowest[:, np.newaxis])), axis=-1)
        return np.log(total) - 0.5 * lowest - np.log(2.0 * np.pi * noise**2)

    return ToyPoints(title, sample, log_density)


def two_moons(noise: float) -> ToyPoints:
    """Two half circles that reach into each other."""

    def upper(position: np.ndarray) -> np.ndarray:
        return _on_circle(0.5 * position)

    def lower(position: np.ndarray) -> np.ndarray:
        return [1.0, 0.5] - _on_circle(0.5 * position)

    return noisy_curves(f"two moons, noise {noise}", [upper, lower], noise)


def circles(noise: float, factor: float = 0.5) -> ToyPoints:
    """Two circles around the origin, of radius 1 and `factor`."""
    curves = [_on_circle, lambda position: factor * _on_circle(position)]
    return noisy_curves(f"circles, noise {noise}", curves, noise)


def pinwheel(
    radial_std: float = 0.3,
    tangential_std: float = 0.1,
    num_arms: int = 5,
    rate: float = 0.25,
) -> ToyPoints:
    """Bent arms: `(a, c)` of N(1, radial_std^2) x N(0, tangential_std^2), turned.

    The angle is that of the arm plus `rate exp(a)`.
    """
    stds = np.array([radial_std, tangential_std])
    arms = 2.0 * np.pi * np.arange(num_arms) / num_arms

    def sample(num_points: int, rng: np.random.Generator) -> np.ndarray:
        features = [1.0, 0.0] + stds * rng.standard_normal([num_points, 2])
        arm = rng.choice(arms, size=num_points)
        return _turn(features, arm + rate * np.exp(features[:, 0]))

    # The points (a, c) that are turned to x are the roots of a - (x turned back by the
    # angle of a)_1, along a grid that covers all but 1e-15 of the mass.
    grid = 1.0 + radial_std * np.linspace(-8.0, 8.0, 1_001)

    def density_of_arm(x: np.ndarray, arm: float) -> np.ndarray:
        angle = arm + rate * np.exp(grid)
        values = grid - x @ np.stack([np.cos(angle), np.sin(angle)])
        index, left = np.nonzero(np.diff(np.sign(values), axis=-1))
        low, high = values[index, left], values[index, left + 1]
        a = grid[left] - low * (grid[left + 1] - grid[left]) / (high - low)
        for _ in range(5):  # Newton's method, from the secant of a grid interval
            back = _turn(x[index], -(arm + rate * np.exp(a)))
            # The slope is the determinant of the map from (a, c) to x, too.
            slope = 1.0 - rate * np.exp(a) * back[:, 1]
            a = a - (a - back[:, 0]) / slope
        z = (np.stack([a, back[:, 1]], axis=-1) - [1.0, 0.0]) / stds
        normal = np.exp(-0.5 * np.sum(np.square(z), axis=-1))
        normal /= 2.0 * np.pi * np.prod(stds)
        return np.bincount(index, normal / np.abs(slope), minlength=len(x))

    def log_density(x: np.ndarray) -> np.ndarray:
        total = sum(density_of_arm(x, arm) for arm in arms) / num_arms
        with np.errstate(divide="ignore"):
            return np.log(total)

    return ToyPoints("pinwheel", sample, log_density)


def in_parts(
    log_density: Callable[[np.ndarray], np.ndarray], x: np.ndarray, size: int = 1_000
) -> np.ndarray:
    """`log_density` of all points, in parts, for memory."""
    starts = range(0, len(x), size)
    return np.concatenate([log_density(x[start : start + size]) for start in starts])


def _on_circle(position: np.ndarray) -> np.ndarray:
    angle = 2.0 * np.pi * position
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _turn(points: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """`points`, `[N, 2]`, turned about the origin by `angle`, `[N]`."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = points[:, 0], points[:, 1]
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)


TOY_POINTS = {
    "two_moons": two_moons(noise=0.1),
    "two_moons_sharp": two_moons(noise=0.05),
    "circles": circles(noise=0.05),
    "pinwheel": pinwheel(),
}
