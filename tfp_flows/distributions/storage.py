"""Saved flows: plain arrays in a NumPy archive, never pickles."""

import json
import zipfile

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors
from tfp_flows.distributions.planar_flow import planar_flow
from tfp_flows.distributions.radial_flow import radial_flow
from tfp_flows.files import replacing

_FORMAT = "tfp_flows/flow"
_VERSION = 1

# kind: stack, single layer, builder, and the layer axis of each parameter of a stack
_KINDS = {
    "planar": (
        bijectors.PlanarStack,
        bijectors.Planar,
        planar_flow,
        {"u": -2, "w": -2, "b": -1},
    ),
    "radial": (
        bijectors.RadialStack,
        bijectors.Radial,
        radial_flow,
        {"center": -2, "alpha": -1, "beta": -1},
    ),
}


def save(flow, path):
    """Saves a planar or radial flow over a standard normal.

    The file is an `.npz` archive of the parameters, as the bijector names them, and of a
    JSON string `metadata`. A file of that name is replaced whole or not at all.

    Args:
      flow: what `planar_flow` or `radial_flow` returned, trained or not.
      path: where to write; the customary ending is `.npz`.

    Raises:
      ValueError: if `flow` is anything else, or its base is no standard normal.
      OSError: if the file cannot be written.
    """
    kind, fused, arrays = _parameters(flow)
    _check_base(flow)
    first = arrays[next(iter(_KINDS[kind][3]))]
    metadata = dict(
        format=_FORMAT,
        version=_VERSION,
        kind=kind,
        fused=fused,
        event_size=int(first.shape[-1]),
        num_layers=int(first.shape[-2]),
        batch_shape=list(first.shape[:-2]),
        dtype=flow.dtype.name,
    )
    with replacing(path) as file:
        np.savez(file, metadata=np.array(json.dumps(metadata)), **arrays)


def load(path):
    """Loads a flow that `save` wrote, trainable, with identical parameters.

    Nothing in the file is executed or unpickled.

    Args:
      path: the file.

    Returns:
      `tfd.TransformedDistribution`.

    Raises:
      OSError: if the file cannot be read.
      ValueError: if it is no saved flow, is damaged, or of a newer version.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
        metadata = json.loads(str(arrays.pop("metadata")))
        is_ours = metadata["format"] == _FORMAT
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is not a saved flow, or is damaged ({error}); pass a file that "
            "tff.distributions.save wrote."
        ) from error
    if not is_ours or metadata["version"] > _VERSION:
        raise ValueError(
            f"{path} has format {metadata['format']!r} version {metadata['version']}, "
            f"but this version of tfp_flows reads {_FORMAT!r} up to {_VERSION}."
        )
    try:
        return _build(metadata, arrays)
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(
            f"{path} is a damaged flow: its metadata and arrays do not fit ({error})."
        ) from error


def _build(metadata, arrays):
    _, _, builder, axes = _KINDS[metadata["kind"]]
    flow = builder(
        metadata["event_size"],
        metadata["num_layers"],
        seed=0,
        dtype=tf.as_dtype(metadata["dtype"]),
        fused=metadata["fused"],
        batch_shape=tuple(metadata["batch_shape"]),
    )
    for name, axis in axes.items():
        value = arrays[_stored_name(name)]
        if not np.all(np.isfinite(value)):
            raise ValueError(f"`{name}` is not finite")
        if metadata["fused"]:
            _variable(getattr(flow.bijector, name)).assign(value)
            continue
        for k, layer in enumerate(reversed(flow.bijector.bijectors)):
            _variable(getattr(layer, name)).assign(np.take(value, k, axis=axis))
    return flow


def _parameters(flow):
    """Kind, whether fused, and the arrays of the stack by stored name."""
    bijector = getattr(flow, "bijector", None)
    for kind, (stack, layer, _, axes) in _KINDS.items():
        if isinstance(bijector, stack):
            arrays = {name: _read(bijector, name) for name in axes}
        else:
            layers = list(reversed(getattr(bijector, "bijectors", ())))
            if not layers or not all(isinstance(part, layer) for part in layers):
                continue
            arrays = {
                name: np.stack([_read(part, name) for part in layers], axis=axis)
                for name, axis in axes.items()
            }
        arrays = {_stored_name(name): array for name, array in arrays.items()}
        return kind, isinstance(bijector, stack), arrays
    raise ValueError(
        "Only flows made by tff.planar_flow or tff.radial_flow can be saved, but got "
        f"{flow!r}; save its variables with tf.train.Checkpoint."
    )


def _stored_name(name):
    # alpha = softplus(variable): the variable is stored, so that loading is exact.
    return "alpha_unconstrained" if name == "alpha" else name


def _variable(parameter):
    if isinstance(parameter, tfp.util.TransformedVariable):
        return parameter.pretransformed_input
    return parameter


def _read(bijector, name):
    parameter = getattr(bijector, name)
    if name != "alpha":
        return tf.convert_to_tensor(parameter).numpy()
    constraint = getattr(parameter, "bijector", None)
    if constraint == tfp.bijectors.Softplus():
        return _variable(parameter).numpy()
    # Any other kind of alpha is read by its value.
    return tfp.math.softplus_inverse(tf.convert_to_tensor(parameter)).numpy()


def _check_base(flow):
    base = flow.distribution
    normal = getattr(base, "distribution", None)
    if (
        isinstance(base, tfp.distributions.Sample)
        and isinstance(normal, tfp.distributions.Normal)
        and np.all(normal.loc == 0.0)
        and np.all(normal.scale == 1.0)
    ):
        return
    raise ValueError(
        f"Only flows over a standard normal can be saved, but the base is {base!r}; save "
        "the flow's variables with tf.train.Checkpoint."
    )
