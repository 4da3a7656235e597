"""Bijectors onto the supports of the unknowns of a joint distribution."""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.posteriors.pins import by_name

# Parts that are functions of others, not unknowns.
_DETERMINISTIC = (tfd.Deterministic, tfd.VectorDeterministic)


def default_bijector(joint: tfd.Distribution) -> tfb.Bijector:
    """The bijector from unconstrained points to those of a pinned joint distribution.

    Args:
      joint: `tfp.experimental.distributions.JointDistributionPinned`.

    Returns:
      `tfb.Bijector`, that of the joint distribution itself.

    Raises:
      TypeError: if TFP has none, which names the parts that lack one.
    """
    try:
        return joint.experimental_default_event_space_bijector()
    except (AttributeError, NotImplementedError, TypeError) as error:
        _explain(joint, error)
        raise


def _explain(joint: tfd.Distribution, error: Exception) -> None:
    """Raises TypeError for the first kind of parts without a bijector, if there are."""
    inner, pins = joint.distribution, dict(joint.pins)
    distributions, _ = inner.sample_distributions(seed=tf.zeros([2], tf.int32), **pins)
    left = {
        name: part
        for name, part in by_name(inner, distributions).items()
        if name not in pins
    }
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
