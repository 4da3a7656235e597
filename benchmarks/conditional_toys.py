"""Conditional densities that are known, of x uniform on (-1, 1)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.special


class Toy(NamedTuple):
    """A density p(y | x).

    Attributes:
      draw_y: callable, `(rng, x [N, 1]) -> y [N, D]`.
      log_prob: callable, `(x [N, 1], y [N, D]) -> [N]`.
    """

    draw_y: Callable
    log_prob: Callable

    def draw(self, rng, size):
        """Draws x `[N, 1]` and y `[N, D]`."""
        x = rng.uniform(-1.0, 1.0, size=(size, 1))
        return x, self.draw_y(rng, x)


def _normal(y, loc, scale):
    z = (y - loc) / scale
    return -0.5 * z**2 - np.log(scale) - 0.5 * np.log(2.0 * np.pi)


def _modes(x):
    """Weight of the upper mode, locations and scales, `[N, 1]`."""
    weight = 1.0 / (1.0 + np.exp(-2.0 * x))
    center = np.sin(3.0 * x)
    return weight, (center + 0.8, 0.4 + 0.2 * x), (center - 0.8, 0.35 - 0.15 * x)


def _draw_bimodal(rng, x):
    weight, upper, lower = _modes(x)
    is_upper = rng.uniform(size=x.shape) < weight
    loc, scale = (np.where(is_upper, u, v) for u, v in zip(upper, lower, strict=True))
    return loc + scale * rng.normal(size=x.shape)


def _bimodal_log_prob(x, y):
    weight, upper, lower = _modes(x)
    return np.logaddexp(
        np.log(weight) + _normal(y, *upper), np.log1p(-weight) + _normal(y, *lower)
    )[:, 0]


def _draw_skewed(rng, x):
    return x + np.exp(0.5 * x) * np.log(rng.gamma(1.5 + x, size=x.shape))


def _skewed_log_prob(x, y):
    # t = log g of a gamma variable g of shape a: p(t) = exp(a t - e^t) / Gamma(a).

    t = (y - x) * np.exp(-0.5 * x)
    a = 1.5 + x
    return (a * t - np.exp(t) - scipy.special.gammaln(a) - 0.5 * x)[:, 0]


def _draw_crescent(rng, x):
    first = (1.0 + 0.5 * x) * rng.normal(size=x.shape)
    second = x * (first**2 - 1.0) + 0.5 * rng.normal(size=x.shape)
    return np.concatenate([first, second], axis=-1)


def _crescent_log_prob(x, y):
    first, second = y[:, :1], y[:, 1:]
    joint = _normal(first, 0.0, 1.0 + 0.5 * x)
    return (joint + _normal(second, x * (first**2 - 1.0), 0.5))[:, 0]


TOYS = {
    "bimodal, D = 1": Toy(_draw_bimodal, _bimodal_log_prob),
    "skewed, D = 1": Toy(_draw_skewed, _skewed_log_prob),
    "crescent, D = 2": Toy(_draw_crescent, _crescent_log_prob),
}
