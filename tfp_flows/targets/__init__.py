"""Two-dimensional test densities with ground truth.

`example1` to `example3` are the predecessor's, `u1` to `u4` those of Rezende & Mohamed
(2015), Table 1. Formulas, supports and modes are in `docs/targets.md`.
"""

import functools
from collections.abc import Callable

import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.targets.energy import Energy
from tfp_flows.targets.gaussian_cross import GaussianCross
from tfp_flows.targets.ring import Ring
from tfp_flows.targets.waves import Waves, sine, sine_minus_bump, sine_minus_step

__all__ = ["Energy", "get", "names"]

_BUILDERS: dict[str, Callable[..., Energy]] = {
    "example1": functools.partial(Ring, 4.0, 0.4, 2.0, 0.8, plot_limits=(-6.0, 6.0)),
    "example2": functools.partial(Waves, [sine], [0.4]),
    "example3": GaussianCross,
    "u1": functools.partial(Ring, 2.0, 0.4, 2.0, 0.6, plot_limits=(-4.0, 4.0)),
    "u2": functools.partial(Waves, [sine], [0.4]),
    "u3": functools.partial(Waves, [sine, sine_minus_bump], [0.35, 0.35]),
    "u4": functools.partial(Waves, [sine, sine_minus_step], [0.4, 0.35]),
}


def names() -> tuple[str, ...]:
    """The names that `get` knows, a tuple of `str`."""
    return tuple(_BUILDERS)


def get(name: str, dtype: tf.DType = tf.float32) -> Energy:
    """A built-in target.

    Args:
      name: one of `names()`.
      dtype: floating dtype of points and densities.

    Returns:
      `Energy`, a `tfd.Distribution` of event shape `[2]`.

    Raises:
      ValueError: if `name` is unknown.
      TypeError: if `dtype` is not floating.
    """
    if not isinstance(name, str) or name not in _BUILDERS:
        raise ValueError(
            f"Unknown target {name!r}; the known targets are {', '.join(names())}."
        )
    return _BUILDERS[name](dtype=numerics.check_dtype(dtype), name=name)
