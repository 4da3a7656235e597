"""From what users call a target to a `Density`."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.density.density import Density

_LOG_PROB, _UNNORMALIZED = "log_prob", "unnormalized_log_prob"


def as_density(target: Any) -> Density:
    """What is known of a target.

    Log Z is taken from what declares it, by `log_normalizer` (a number, or a method that
    returns it), and is 0 for a `tfd.Distribution` that is no joint one. All else,
    objects and bound methods called `log_prob` included, is known up to a constant.
    `log_normalizer` is that of `unnormalized_log_prob`, beside which `log_prob` is
    normalised; of an object without that method it is that of `log_prob`.

    Args:
      target: a callable, `Tensor` of shape `[S, ..., D]` to `[S, ...]`, the log density
        up to a constant; a `tfd.Distribution` of event shape `[D]`; a joint distribution,
        pinned or not, whose only part left is such a vector; another object with
        `unnormalized_log_prob` or `log_prob`; or one of these two methods of one.

    Returns:
      `Density`.

    Raises:
      TypeError: if `target` is none of these.
      ValueError: if its events are no vectors.
    """
    if isinstance(target, Density):
        return target
    owner, method = getattr(target, "__self__", None), getattr(target, "__name__", "")
    is_bound = owner is not None and method in (_LOG_PROB, _UNNORMALIZED)
    if not is_bound:
        owner = target
        if not hasattr(target, _LOG_PROB) and not hasattr(target, _UNNORMALIZED):
            return _from_function(target)
    log_normalizer = _declared_log_normalizer(owner)
    has_unnormalized = hasattr(owner, _UNNORMALIZED)
    joint = tfp.distributions.JointDistribution
    is_distribution = isinstance(owner, tfp.distributions.Distribution)
    is_distribution = is_distribution and not isinstance(owner, joint)
    if not is_bound:
        prefers_log_prob = is_distribution and log_normalizer is None
        method = _LOG_PROB if prefers_log_prob or not has_unnormalized else _UNNORMALIZED
    # Whether the method `log_prob` is normalised.
    is_normalized = is_distribution or (log_normalizer is not None and has_unnormalized)
    if is_normalized and method == _LOG_PROB:
        log_normalizer = 0.0
    log_prob_fn = target if is_bound else getattr(owner, method)
    event_size, dtype, pack = _event(owner)
    normalized_log_prob_fn = None
    if is_normalized and not (is_bound and method == _UNNORMALIZED):
        normalized_log_prob_fn = _restricted_log_prob(owner)
    return Density(
        log_prob_fn if pack is None else lambda x: log_prob_fn(pack(x)),
        log_normalizer,
        event_size,
        dtype,
        _modes(owner),
        getattr(owner, "name", type(owner).__name__),
        normalized_log_prob_fn,
    )


def _from_function(target: Any) -> Density:
    numerics.check_callable(
        "target_log_prob_fn",
        target,
        "a function of points [..., D] that returns log densities [...], or a "
        "distribution with `log_prob`",
    )
    return Density(
        target,
        _declared_log_normalizer(target),
        modes=_modes(target),
        name=getattr(target, "__name__", type(target).__name__),
    )


def _declared_log_normalizer(owner: Any) -> float | None:
    value = getattr(owner, "log_normalizer", None)
    value = value() if callable(value) else value
    return None if value is None else float(value)


def _modes(owner: Any) -> Any:
    methods = ("mode_responsibilities", "mode_probabilities")
    return owner if all(hasattr(owner, method) for method in methods) else None


def _event(owner: Any) -> tuple[int | None, tf.DType | None, Callable | None]:
    """D, dtype, and how to pack points for a joint distribution; `None` if unknown."""
    event_shape = getattr(owner, "event_shape", None)
    if event_shape is None:
        return None, None, None
    dtype, pack = getattr(owner, "dtype", None), None
    try:
        event_shape = tf.TensorShape(event_shape)
    except (TypeError, ValueError) as error:
        structure, parts = event_shape, tf.nest.flatten(event_shape)
        if len(parts) != 1:
            shapes = str(tf.nest.map_structure(str, structure)).replace("\n", "")
            raise ValueError(
                "The target must be a density of vectors, but its events are a "
                f"structure, {shapes}; pass a function of points [..., D] that splits "
                "them into these parts (tfb.Split)."
            ) from error
        event_shape, (dtype,) = parts[0], tf.nest.flatten(dtype)

        def pack(x: tf.Tensor) -> Any:
            return tf.nest.pack_sequence_as(structure, [x])

    if event_shape.rank is None:
        return None, None, pack
    if event_shape.rank != 1:
        raise ValueError(
            f"The target must be a density of vectors, event shape [D], but its event "
            f"shape is {event_shape}; make a scalar a vector of size 1 with "
            "tfd.Sample(dist, 1), or flatten a larger shape with tfb.Reshape."
        )
    return event_shape[0], None if dtype is None else tf.as_dtype(dtype), pack


def _restricted_log_prob(owner: Any) -> Callable[[tf.Tensor], tf.Tensor]:
    """`log_prob`, -inf where a coordinate is outside the event space that TFP states.

    There, TFP's own is often finite: a von Mises density repeats itself, and an
    exponential one grows without bound. Distributions that do not consist of scalar ones
    are left as they are.
    """
    scalar = owner
    while isinstance(scalar, tfp.distributions.Independent | tfp.distributions.Sample):
        scalar = scalar.distribution
    if scalar is owner or scalar.event_shape.rank != 0:
        return owner.log_prob
    try:
        is_whole = isinstance(
            scalar.experimental_default_event_space_bijector(),
            tfp.bijectors.Identity | None,
        )
    except NotImplementedError:  # of a class of the user
        is_whole = True
    if is_whole:
        return owner.log_prob
    bijector = owner.experimental_default_event_space_bijector()

    def log_prob_fn(x: tf.Tensor) -> tf.Tensor:
        is_inside = tf.reduce_all(tf.math.is_finite(bijector.inverse(x)), axis=-1)
        log_prob = owner.log_prob(x)
        return tf.where(is_inside, log_prob, tf.constant(-np.inf, log_prob.dtype))

    return log_prob_fn
