"""What a fit records of its arguments, and what a checkpoint is known by."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.training import Workers
from tfp_flows.types import Optimizer, Variables
from tfp_flows.version import __version__
from tfp_flows.vi.objective import Objective

# What settings know of data.
_DATA = ("num_rows", "num_points", "num_validation_points", "data_checksum")

# What a distribution or bijector is given that does not change its numbers.
_IMMATERIAL = ("name", "validate_args", "allow_nan_stats", "parameters")


def settings_of(
    loop: Mapping[str, Any],
    objective: Objective,
    optimizer: Optimizer,
    settings: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Every argument of a fit as plain values.

    Args:
      loop: `num_steps`, `clip_norm`, `jit_compile`.
      objective: bound to flow and seed.
      optimizer: of the fit.
      settings: those that the caller of the fit adds, or `None`.

    Raises:
      TypeError: if one is no plain value, which JSON can hold.
      ValueError: if two have one name.
    """
    flow = objective.flow
    of_fit = dict(
        **loop,
        objective=type(objective).__name__,
        optimizer=type(optimizer).__name__,
        optimizer_config=_optimizer_config(optimizer),
        seed=[int(part) for part in objective.seed],
        dtype=flow.dtype.name,
        flow=structure(flow),
    )
    return _merge(
        {
            "the fit": of_fit,
            "the objective": objective.settings(),
            "`settings`": {} if settings is None else settings,
        }
    )


def check_workers(
    workers: Workers, settings: Mapping[str, Any], variables: Variables
) -> None:
    """Raises ValueError, on all workers, unless they make the same fit."""
    values = b"".join(variable.numpy().tobytes() for variable in variables)
    data = {name: settings.get(name) for name in _DATA}
    others = {name: value for name, value in settings.items() if name not in _DATA}
    workers.check_same(
        {
            "versions": f"{__version__} {tf.__version__}".encode(),
            "data": json.dumps(data).encode(),
            "settings": json.dumps(others, sort_keys=True).encode(),
            "initial values": values,
        }
    )


def _merge(groups: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """All settings as one `dict`, from groups by what brings them."""
    merged: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for source, settings in groups.items():
        if not isinstance(settings, Mapping):
            raise TypeError(
                f"The settings of {source} must be a dict, but are {settings!r}."
            )
        for name, value in settings.items():
            if name in merged:
                raise ValueError(
                    f"The setting {name!r} of {source} is one of {sources[name]}, too; "
                    "give it another name."
                )
            try:
                json.dumps({name: value}, allow_nan=False)
            except (TypeError, ValueError) as error:
                raise TypeError(
                    f"The setting {name!r} of {source} must be a plain value, which "
                    f"JSON can hold, but is {value!r}."
                ) from error
            merged[name], sources[name] = value, source
    return merged


def _optimizer_config(optimizer: Optimizer) -> dict[str, Any]:
    """Its configuration, without the name, which counts the optimizers of a process."""
    config = _plain(optimizer.get_config())
    return {key: value for key, value in config.items() if key != "name"}


def structure(value: Any) -> Any:
    """What a flow is made of, in plain values: classes, and the numbers that are fixed.

    Variables are only called so: their values change, and a checkpoint has their shapes.
    """
    if isinstance(value, tfd.Distribution | tfb.Bijector):
        parts = {
            name: structure(part)
            for name, part in (value.parameters or {}).items()
            if name not in _IMMATERIAL and part is not None
        }
        return {"class": type(value).__name__, **parts}
    if isinstance(value, list | tuple):
        return [structure(part) for part in value]
    if isinstance(value, tf.Variable | tfp.util.DeferredTensor):
        return "variable"
    if isinstance(value, str):
        return value
    if isinstance(value, tf.Tensor | np.ndarray | np.generic | float | int):
        value = value.numpy() if isinstance(value, tf.Tensor) else np.asarray(value)
        # Another machine rounds otherwise.
        return np.array2string(value, precision=4, threshold=20)
    return type(value).__name__


def _plain(value: Any) -> Any:
    """`value` in types that JSON knows."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, int | float | str | None) else str(value)
