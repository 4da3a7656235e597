"""Saved flows: plain arrays in a NumPy archive, never pickles."""

import json
import zipfile

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors
from tfp_flows.distributions.planar_flow import planar_flow
from tfp_flows.distributions.radial_flow import radial_flow
from tfp_flows.distributions.sylvester_flow import LAYER_AXES, assemble_sylvester
from tfp_flows.files import replacing
from tfp_flows.numerics import standard_normal

_FORMAT = "tfp_flows/flow"
_VERSION = 1

# kind: stack or None, single layer, builder, and the layer axis of each parameter of a
# stack. The builder of Sylvester flows takes the parameters themselves.
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
    "sylvester": (None, bijectors.Sylvester, assemble_sylvester, LAYER_AXES),
    "sylvester-triangular": (
        None,
        bijectors.Sylvester,
        assemble_sylvester,
        {name: axis for name, axis in LAYER_AXES.items() if name != "v"},
    ),
}


def save(flow, path):
    """Saves a planar, radial or Sylvester flow over a standard normal.

    The file is an `.npz` archive of the parameters, as the bijector names them, and of a
    JSON string `metadata`. A file of that name is replaced whole or not at all.

    Args:
      flow: what `planar_flow`, `radial_flow` or `sylvester_flow` returned, trained or
        not.
      path: where to write; the customary ending is `.npz`.

    Raises:
      ValueError: if `flow` is anything else, or its base is no standard normal.
      OSError: if the file cannot be written.
    """
    layers, affine = _split_affine(flow)
    kind, fused, arrays = _parameters(layers, flow)
    _check_base(flow)
    name, axis = next(iter(_KINDS[kind][3].items()))
    shape = arrays[name].shape
    metadata = dict(
        format=_FORMAT,
        version=_VERSION,
        kind=kind,
        fused=fused,
        affine=affine is not None,
        event_size=int(flow.event_shape[-1]),
        num_layers=int(shape[axis]),
        batch_shape=list(shape[:axis]),
        dtype=flow.dtype.name,
    )
    if affine is not None:
        arrays.update(
            {name: np.array(v) for name, v in _affine_variables(affine).items()}
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
        flow = _build(metadata, arrays)
        if metadata.get("affine"):
            for name, variable in _affine_variables(flow.bijector.bijectors[:2]).items():
                variable.assign(_finite(name, arrays[name]))
        return flow
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(
            f"{path} is a damaged flow: its metadata and arrays do not fit ({error})."
        ) from error


def _build(metadata, arrays):
    stack, _, builder, axes = _KINDS[metadata["kind"]]
    values = {name: _finite(name, arrays[_stored_name(name)]) for name in axes}
    if stack is None:
        return _build_sylvester(metadata, values)
    flow = builder(
        metadata["event_size"],
        metadata["num_layers"],
        seed=0,
        dtype=tf.as_dtype(metadata["dtype"]),
        fused=metadata["fused"],
        affine=metadata.get("affine", False),
        batch_shape=tuple(metadata["batch_shape"]),
    )
    layers, _ = _split_affine(flow)
    for name, axis in axes.items():
        value = values[name]
        if metadata["fused"]:
            _variable(getattr(layers[0], name)).assign(value)
            continue
        for k, layer in enumerate(layers):
            _variable(getattr(layer, name)).assign(np.take(value, k, axis=axis))
    return flow


def _build_sylvester(metadata, values):
    sizes = [*metadata["batch_shape"], metadata["num_layers"]]
    event_size = values.get("v", values["b"]).shape[-1]
    for name, value in values.items():
        if list(value.shape[: LAYER_AXES[name] + 1]) != sizes:
            raise ValueError(f"`{name}` has shape {value.shape}")
    if event_size != metadata["event_size"]:
        raise ValueError(f"the parameters are of event size {event_size}")
    dtype = tf.as_dtype(metadata["dtype"])
    base = standard_normal(event_size, dtype, tuple(metadata["batch_shape"]))
    return assemble_sylvester(
        base,
        {name: tf.constant(value, dtype) for name, value in values.items()},
        affine=metadata.get("affine", False),
    )


def _finite(name, value):
    if not np.all(np.isfinite(value)):
        raise ValueError(f"`{name}` is not finite")
    return value


def _split_affine(flow):
    """The layers in the order of `forward`, and the affine map after them or `None`.

    The latter as the two bijectors of a chain, the last applied first.
    """
    bijector = getattr(flow, "bijector", None)
    if not isinstance(bijector, tfp.bijectors.Chain):
        return [bijector], None
    chain = list(bijector.bijectors)
    if isinstance(chain[0], tfp.bijectors.Shift):
        return chain[:1:-1], chain[:2]
    return chain[::-1], None


def _affine_variables(affine):
    """The variables of what `affine_layers` made, by their stored names."""
    shift, scale = affine
    try:
        return dict(
            affine_shift=shift.shift,
            affine_scale_tril=scale.scale.tril.pretransformed_input,
        )
    except AttributeError:
        raise ValueError(
            f"Only the affine maps of affine=True can be saved, but got {scale!r}; save "
            "the flow's variables with tf.train.Checkpoint."
        ) from None


def _parameters(layers, flow):
    """Kind, whether fused, and the arrays of the stack by stored name."""
    for kind, (stack, layer, _, axes) in _KINDS.items():
        fused = stack is not None and len(layers) == 1 and isinstance(layers[0], stack)
        if fused:
            arrays = {name: _read(layers[0], name) for name in axes}
        else:
            if not layers or not all(isinstance(part, layer) for part in layers):
                continue
            if layer is bijectors.Sylvester and not _is_form(kind, layers):
                continue
            arrays = {
                name: np.stack([_read(part, name) for part in layers], axis=axis)
                for name, axis in axes.items()
            }
        arrays = {_stored_name(name): array for name, array in arrays.items()}
        return kind, fused, arrays
    raise ValueError(
        "Only flows made by tff.planar_flow, tff.radial_flow or tff.sylvester_flow can "
        f"be saved, but got {flow!r}; save its variables with tf.train.Checkpoint."
    )


def _is_form(kind, layers):
    """Whether Sylvester layers are of one form, the triangular ones in turns."""
    if kind == "sylvester":
        return all(layer.v is not None for layer in layers)
    return all(
        layer.v is None and layer.reverse == (k % 2 == 1)
        for k, layer in enumerate(layers)
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
