"""Objects of TFP around a stored flow, as JSON and arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows.distributions.stored_layers import finite

_MAX_DEPTH = 8

# Those of which every argument is stored.
_CLASSES = {
    stored.__name__: stored
    for stored in (
        tfb.Scale,
        tfb.ScaleMatvecDiag,
        tfb.ScaleMatvecTriL,
        tfb.Shift,
        tfd.Independent,
        tfd.MultivariateNormalDiag,
        tfd.MultivariateNormalTriL,
        tfd.Normal,
        tfd.Sample,
    )
}


def is_storable(value: Any) -> bool:
    """Whether `encode` takes an object of this class."""
    return _CLASSES.get(type(value).__name__) is type(value)


def encode(value: tfb.Bijector | tfd.Distribution, name: str, arrays: dict) -> dict:
    """An object by its class and arguments.

    Args:
      value: the object.
      name: prefix of the names of its arrays.
      arrays: dict that gets them.

    Returns:
      Dict for JSON.

    Raises:
      ValueError: if the class, or an argument, cannot be stored.
    """
    if not is_storable(value):
        raise ValueError(
            f"Around a flow, only {', '.join(_CLASSES)} can be saved, but got {value!r}; "
            "save the flow's variables with tf.train.Checkpoint."
        )
    arguments: dict[str, Any] = {}
    for key, argument in value.parameters.items():
        path = f"{name}.{key}"
        if argument is None or isinstance(argument, bool | int | str):
            arguments[key] = argument
        elif isinstance(argument, tfd.Distribution):
            arguments[key] = encode(argument, path, arrays)
        elif isinstance(argument, tf.Module) and not isinstance(argument, tf.Variable):
            raise ValueError(
                f"Around a flow, only constants and tf.Variables can be saved, but "
                f"`{key}` is {argument!r}; save the flow's variables with "
                "tf.train.Checkpoint."
            )
        else:
            arrays[path] = tf.convert_to_tensor(argument).numpy()
            is_variable = isinstance(argument, tf.Variable)
            arguments[key] = dict(array=path, is_variable=is_variable)
    return {"class": type(value).__name__, "arguments": arguments}


def decode(
    record: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    dtype: tf.DType,
    *,
    depth: int = 0,
) -> tfb.Bijector | tfd.Distribution:
    """The inverse of `encode`.

    Args:
      record: what `encode` returned.
      arrays: name = array.
      dtype: of the flow, to which arrays of floating-point numbers belong.
      depth: of how many records this one is a part.

    Returns:
      The object.

    Raises:
      ValueError, LookupError, TypeError: if the record is damaged; and whatever the class
        raises of arguments that do not fit.
    """
    if depth > _MAX_DEPTH:
        raise ValueError(f"more than {_MAX_DEPTH} objects are nested")
    arguments = {}
    for key, argument in record["arguments"].items():
        if isinstance(argument, dict) and "class" in argument:
            argument = decode(argument, arrays, dtype, depth=depth + 1)
        elif isinstance(argument, dict):
            array = arrays[argument["array"]]
            if array.dtype.kind == "f":
                array = finite(key, array, dtype)
            argument = (tf.Variable if argument["is_variable"] else tf.constant)(array)
        elif not (argument is None or isinstance(argument, bool | int | str)):
            raise ValueError(f"`{key}` is {argument!r}")
        arguments[key] = argument
    return _CLASSES[record["class"]](**arguments)
