"""The densities that flows are fitted to, once for every library.

A formula takes `xp`, which is NumPy, `jax.numpy`, `torch` or `pytensor.tensor`, and
points `[..., D]`; what it uses of `xp` has the same name in all four. Those that
`tfp_flows` is fitted to are its own, or TFP's, and the tests compare them.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

# The edge of `u3`, as in `tfp_flows.targets`: half the width of its support, slope in
# nats per unit of length, and the length over which it is rounded.
_HALF_WIDTH, _EDGE_SLOPE, _EDGE_ROUNDING = 4.0, 400.0, 0.001

# Eight schools: effects, and their standard errors.
_EFFECTS = (28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0)
_ERRORS = (15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0)


def example1(xp: Any, x: Any) -> Any:
    """A ring of radius 4 under two Gaussian stripes: four modes."""
    x1, x2 = x[..., 0], x[..., 1]
    across = (xp.sqrt(x1**2 + x2**2 + 1e-12) - 4.0) / 0.4
    right, left = (-0.5 * ((x1 - at) / 0.8) ** 2 for at in (2.0, -2.0))
    return xp.logaddexp(right, left) - 0.5 * across**2


def example3(xp: Any, x: Any) -> Any:
    """Four Gaussians on a cross."""
    x1, x2 = x[..., 0], x[..., 1]
    upper, lower = (-0.5 * (x1**2 / 0.2 + (x2 - at) ** 2 / 0.4) for at in (3.0, -3.0))
    right, left = (-0.5 * ((x1 - at) ** 2 / 0.4 + x2**2 / 0.2) for at in (3.0, -3.0))
    return xp.logaddexp(xp.logaddexp(upper, lower), xp.logaddexp(right, left))


def u3(xp: Any, x: Any) -> Any:
    """Two bands along a sine wave for |x_1| <= 4, with a steep and finite edge."""
    x1, x2 = x[..., 0], x[..., 1]
    sine = xp.sin(0.5 * math.pi * x1)
    bump = 3.0 * xp.exp(-0.5 * ((x1 - 1.0) / 0.6) ** 2)
    bands = (-0.5 * ((x2 - curve) / 0.35) ** 2 for curve in (sine, sine - bump))
    beyond = (xp.abs(x1) - _HALF_WIDTH) / _EDGE_ROUNDING
    outside = xp.where(beyond > 0.0, beyond, 0.0 * beyond)
    edge = outside**2 / (1.0 + xp.sqrt(1.0 + outside**2))
    return xp.logaddexp(*bands) - _EDGE_SLOPE * _EDGE_ROUNDING * edge


def banana(xp: Any, x: Any) -> Any:
    """A ridge along a parabola."""
    x1, x2 = x[..., 0], x[..., 1]
    return -0.5 * (x1**2 / 4.0 + (x2 - 0.5 * x1**2 + 2.0) ** 2)


def funnel(xp: Any, x: Any) -> Any:
    """Neal's, in ten dimensions: v of N(0, 3^2), and nine of N(0, exp(v))."""
    v, rest = x[..., 0], x[..., 1:]
    squares = xp.exp(-v) * xp.sum(rest**2, axis=-1)
    return -0.5 * ((v / 3.0) ** 2 + squares + 9.0 * v)


def eight_schools(xp: Any, x: Any) -> Any:
    """Non-centered, of (mu, log tau, theta_trans), as posteriordb has it."""
    mu, log_tau, raw = x[..., 0], x[..., 1], x[..., 2:]
    tau = xp.exp(log_tau)
    prior = -0.5 * ((mu / 5.0) ** 2 + xp.sum(raw**2, axis=-1))
    prior = prior - xp.log1p((tau / 5.0) ** 2) + log_tau
    for j, (effect, error) in enumerate(zip(_EFFECTS, _ERRORS, strict=True)):
        prior = prior - 0.5 * ((effect - mu - tau * raw[..., j]) / error) ** 2
    return prior


class Density(NamedTuple):
    """What is fitted, and what it is judged by.

    Attributes:
      event_size: D.
      log_prob: the formula, `(xp, x)` to the log density up to a constant.
      log_normalizer: the constant, log Z; `None` of a posterior, which is judged by the
        moments of reference draws.
      extent: the half width of what splines on a bounded interval need to reach.
    """

    event_size: int
    log_prob: Callable[[Any, Any], Any]
    log_normalizer: float | None
    extent: float


# The log Z of example1 is that of `tfp_flows.targets`, by quadrature. That of u3 is of
# its support: with the edge the integral is larger by less than 0.1 %.
DENSITIES = dict(
    example1=Density(2, example1, 2.3132893825438687, 5.0),
    example3=Density(2, example3, math.log(8.0 * math.pi * math.sqrt(0.08)), 5.0),
    u3=Density(2, u3, math.log(8.0 * math.sqrt(2.0 * math.pi) * 0.7), 5.0),
    banana=Density(2, banana, math.log(4.0 * math.pi), 12.0),
    funnel=Density(10, funnel, math.log(3.0) + 5.0 * math.log(2.0 * math.pi), 30.0),
    eight_schools=Density(10, eight_schools, None, 12.0),
)
