"""Bijectors onto the supports of the unknowns of a joint distribution."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.posteriors.pins import by_name

# Parts that are functions of others, not unknowns.
_DETERMINISTIC = (tfd.Deterministic, tfd.VectorDeterministic)
# Those whose bijector in TFP has the positive part of a sphere alone.
_SPHERICAL = (tfd.SphericalUniform, tfd.VonMisesFisher, tfd.PowerSpherical)


def default_bijector(joint: tfd.Distribution) -> tfb.Bijector:
    """The bijector from unconstrained points to those of a pinned joint distribution.

    Args:
      joint: `tfp.experimental.distributions.JointDistributionPinned`.

    Returns:
      `tfb.Bijector`, that of the joint distribution itself.

    Raises:
      TypeError: if TFP has none, or not onto the whole support, which names the parts
        that lack one.
    """
    spherical = {
        name: part
        for name, part in _unknowns(joint).items()
        if any(isinstance(inner, _SPHERICAL) for inner in _with_inner(part))
    }
    if spherical:
        raise TypeError(
            f"TFP has no bijector onto the sphere of {_typed(spherical, spherical)}: let "
            "a normal vector x be the unknown, and x / tf.norm(x) the direction; or pass "
            "`bijector`, one per part of the model."
        )
    try:
        return joint.experimental_default_event_space_bijector()
    except (AttributeError, NotImplementedError, TypeError) as error:
        _explain(joint, error)
        raise


def check_densities(joint: tfd.Distribution) -> None:
    """Raises TypeError for unknowns whose density and bijector do not go together.

    The `log_prob` of a point and the log-det-Jacobian of the bijector onto it must be
    those of the same coordinates, or the posterior is another one.

    Args:
      joint: `tfp.experimental.distributions.JointDistributionPinned`.
    """
    for name, part in _unknowns(joint).items():
        for inner in _with_inner(part):
            if isinstance(inner, tfd.LKJ):
                raise TypeError(
                    f"{name} has a tfd.LKJ, for which TFP's log-det-Jacobian is that of "
                    "covariances, not of correlations: use tfd.CholeskyLKJ, whose "
                    "unknown L gives the matrix L L^T."
                )
            is_wishart = isinstance(inner, tfd.WishartLinearOperator)
            if is_wishart and inner.input_output_cholesky:
                raise TypeError(
                    f"{name} has a {type(inner).__name__} with "
                    "input_output_cholesky=True, whose log_prob is the density of the "
                    "matrix L L^T, not of its unknown L: use it without, and "
                    "tf.linalg.cholesky of the matrix."
                )


def _unknowns(joint: tfd.Distribution) -> dict[str, tfd.Distribution]:
    """The parts that are not pinned."""
    inner, pins = joint.distribution, dict(joint.pins)
    distributions = by_name(inner, _parts(inner, pins))
    return {name: part for name, part in distributions.items() if name not in pins}


def _parts(joint: tfd.Distribution, pins: dict[str, tf.Tensor]) -> Any:
    return joint.sample_distributions(seed=tf.zeros([2], tf.int32), **pins)[0]


def _with_inner(part: tfd.Distribution) -> Iterator[tfd.Distribution]:
    """A distribution and those that it is made of, as `tfd.Sample` is."""
    yield part
    if isinstance(part, tfd.JointDistribution):
        inner = _parts(part, {})
    else:
        inner = part.parameters
    for value in tf.nest.flatten(inner):
        if isinstance(value, tfd.Distribution):
            yield from _with_inner(value)


def _explain(joint: tfd.Distribution, error: Exception) -> None:
    """Raises TypeError for the first kind of parts without a bijector, if there are."""
    left = _unknowns(joint)
    computed = [name for name, part in left.items() if isinstance(part, _DETERMINISTIC)]
    if computed:
        raise TypeError(
            f"{', '.join(computed)} is tfd.Deterministic, so no unknown: compute it in "
            "the model without a distribution, and from the draws afterwards."
        ) from error
    broken, lacking = _without_bijectors(left)
    if lacking:
        raise TypeError(
            f"TFP has no bijector onto the support of {_typed(lacking, left)}: if it is "
            "discrete, sum it out of the model (tfd.MixtureSameFamily, "
            "tfd.HiddenMarkovModel), or pin it; else pass `bijector`, one per part of "
            "the model, such as tfb.Identity() for a mixture of normals."
        ) from error
    if broken:
        raise TypeError(
            f"The bijector of TFP 0.25 onto the support of {_typed(broken, left)} fails "
            f"with NumPy {np.__version__}: install numpy<2.4, or pass `bijector`, one "
            "per part of the model, with tfb.IteratedSigmoidCentered() for a simplex."
        ) from error


def _without_bijectors(
    parts: dict[str, tfd.Distribution],
) -> tuple[list[str], list[str]]:
    """The names of those whose bijector fails with this NumPy, and that have none."""
    broken, lacking = [], []
    for name, part in parts.items():
        try:
            if part.experimental_default_event_space_bijector() is None:
                lacking.append(name)
        except (AttributeError, NotImplementedError):
            lacking.append(name)
        except TypeError as error:
            if "newshape" not in str(error):
                raise
            broken.append(name)
    return broken, lacking


def _typed(names: Iterable[str], parts: dict[str, tfd.Distribution]) -> str:
    return ", ".join(f"{name} ({type(parts[name]).__name__})" for name in names)
