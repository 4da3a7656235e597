"""Checks of what a fit is given, before anything is compiled."""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics
from tfp_flows.density import check_events
from tfp_flows.types import Optimizer, Variables


def check_variables(
    flow: tfd.Distribution, variables: Variables | None = None
) -> list[tf.Variable]:
    """The trainable variables of a flow, or those given; a ValueError if none."""
    variables = list(flow.trainable_variables if variables is None else variables)
    if not variables:
        raise ValueError(
            f"{flow.name} has no trainable variables; build it with tff.planar_flow or "
            "tff.radial_flow, or give its bijector tf.Variables."
        )
    return variables


def check_flow(flow: tfd.Distribution) -> None:
    """Raises ValueError unless it is a reparameterised flow of vectors, to be trained."""
    check_events(flow)
    check_variables(flow)
    if flow.reparameterization_type != tfd.FULLY_REPARAMETERIZED:
        raise ValueError(
            f"{flow.name} is not reparameterised: gradients would not flow through its "
            "samples; give it a reparameterised base, such as a normal."
        )


def check_optional_size(name: str, value: Any) -> int | None:
    """`None`, or an `int` of at least 1; see `numerics.check_size`."""
    return None if value is None else numerics.check_size(name, value)


def check_clip_norm(clip_norm: float | None) -> None:
    """Raises ValueError unless it is positive or `None`."""
    if clip_norm is not None and not clip_norm > 0.0:
        raise ValueError(f"`clip_norm` must be positive or None, but got {clip_norm!r}.")


def prepare_optimizer(optimizer: Optimizer, variables: Variables) -> None:
    """Makes the slots of the optimizer, which can't be made inside the loop."""
    if not all(hasattr(optimizer, a) for a in ("apply_gradients", "build")):
        raise TypeError(
            "`optimizer` must be a Keras 3 or tf_keras optimizer, such as "
            f"keras.optimizers.Adam(1e-3), but got {optimizer!r}."
        )
    optimizer.build(variables)


def optimizer_config(optimizer: Optimizer) -> dict[str, Any]:
    """Its configuration, without the name, which counts the optimizers of a process."""
    config = _plain(optimizer.get_config())
    return {key: value for key, value in config.items() if key != "name"}


def _plain(value: Any) -> Any:
    """`value` in types that JSON knows."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, int | float | str | None) else str(value)
