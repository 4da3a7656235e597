"""Whether a flow is one, and over the same vectors as a density."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.density.density import Density


def check_distribution(flow: tfd.Distribution) -> None:
    """Raises TypeError unless `flow` is a `tfd.Distribution`."""
    if not isinstance(flow, tfd.Distribution):
        raise TypeError(
            f"`flow` must be a tfd.Distribution, such as tff.planar_flow(2, 16), but got "
            f"{flow!r}."
        )


def check_events(flow: tfd.Distribution, density: Density | None = None) -> None:
    """Raises unless a flow is over vectors, those of `density` if it says.

    Args:
      flow: `tfd.Distribution`, of any batch shape.
      density: `Density` to fit or judge it by, or `None` if that is checked elsewhere.

    Raises:
      TypeError: if `flow` is no distribution.
      ValueError: if its events are others.
    """
    check_distribution(flow)
    event_shape = flow.event_shape
    if not isinstance(event_shape, tf.TensorShape) or event_shape.rank != 1:
        shape = " ".join(str(event_shape).split())
        raise ValueError(
            f"`flow` must be a flow of vectors, event shape [D], but the events of "
            f"{flow.name} are {shape}. Take the flow of vectors that it is made of, and "
            "the density of vectors, x to target(bijector.forward(x)) + "
            "bijector.forward_log_det_jacobian(x), with the bijector that restructures."
        )
    size = None if density is None else density.event_size
    if size is not None and not event_shape.is_compatible_with([size]):
        raise ValueError(
            f"{flow.name} is a flow of vectors of size {event_shape[0]}, but the target "
            f"is a density of vectors of size {size}; build the flow with "
            f"event_size={size}."
        )


def check_single_flow(flow: tfd.Distribution, density: Density) -> None:
    """Raises as `check_events`, and ValueError if `flow` is a batch of flows."""
    check_events(flow, density)
    if flow.batch_shape.rank != 0:
        raise ValueError(
            f"`flow` must be a single flow, but has batch shape {flow.batch_shape}; "
            "pass one of its members."
        )
