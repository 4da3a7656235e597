"""Saved flows: plain arrays in a NumPy archive, never pickles."""

import json
import os
import zipfile

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors
from tfp_flows.distributions.base import build_flow
from tfp_flows.files import replacing

_FORMAT = "tfp_flows/flow"
_VERSION = 1

tfd = tfp.distributions


def save(flow: tfd.Distribution, path: str | os.PathLike) -> None:
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
    family, fused = _family_of(layers, flow)
    _check_base(flow)
    batch_shape, arrays = _read(family, layers, fused)
    metadata = dict(
        format=_FORMAT,
        version=_VERSION,
        kind=family.name,
        fused=fused,
        affine=affine is not None,
        event_size=int(flow.event_shape[-1]),
        num_layers=layers[0].num_layers if fused else len(layers),
        batch_shape=batch_shape,
        dtype=flow.dtype.name,
    )
    if affine is not None:
        arrays |= {key: v.numpy() for key, v in _affine_variables(affine).items()}
    with replacing(path) as file:
        np.savez(file, metadata=np.array(json.dumps(metadata)), **arrays)


def load(path: str | os.PathLike) -> tfd.TransformedDistribution:
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


def _build(metadata: dict, arrays: dict) -> tfd.TransformedDistribution:
    """The flow of the metadata, with the arrays as the values of its variables."""
    # Files of earlier versions have a kind "sylvester-triangular".
    family = bijectors.FAMILIES[metadata["kind"].partition("-")[0]]
    batch_shape = tuple(metadata["batch_shape"])
    skipped = len(batch_shape) + 1
    flow = build_flow(
        family,
        metadata["event_size"],
        metadata["num_layers"],
        seed=0,
        dtype=tf.as_dtype(metadata["dtype"]),
        fused=metadata["fused"],
        affine=metadata.get("affine", False),
        batch_shape=batch_shape,
        **family.options_of({key: a.shape[skipped:] for key, a in arrays.items()}),
    )
    layers, affine = _split_affine(flow)
    _assign(family, layers, metadata["fused"], arrays)
    if affine is not None:
        for key, variable in _affine_variables(affine).items():
            variable.assign(_finite(key, arrays[key]))
    return flow


def _given(family: type[bijectors.Family], layer: tfp.bijectors.Bijector) -> dict:
    """Unconstrained name = variable or tensor, of the parameters that a layer has."""
    named = {name: getattr(layer, name) for name in family.unconstrained_names()}
    return family.unconstrain({n: v for n, v in named.items() if v is not None})


def _stack_axes(family: type[bijectors.Family]) -> dict[str, int]:
    """Unconstrained name = axis of layers."""
    axes = family.layer_axes()
    return {key: axes[name] for name, key in family.unconstrained_names().items()}


def _read(
    family: type[bijectors.Family], layers: list, fused: bool
) -> tuple[list[int], dict[str, np.ndarray]]:
    """The batch shape and, by unconstrained name, the arrays of the whole stack."""
    axes = _stack_axes(family)
    parts = [_given(family, layer) for layer in layers]
    arrays = {
        key: np.array(value)
        if fused
        else np.stack([part[key] for part in parts], axes[key])
        for key, value in parts[0].items()
    }
    key, array = next(iter(arrays.items()))
    return list(array.shape[: axes[key]]), arrays


def _assign(
    family: type[bijectors.Family], layers: list, fused: bool, arrays: dict
) -> None:
    """Makes the arrays of the whole stack the values of the layers' variables."""
    axes = _stack_axes(family)
    for k, layer in enumerate(layers):
        for key, variable in _given(family, layer).items():
            array, shape = _finite(key, arrays[key]), list(variable.shape)
            if not fused:
                shape.insert(len(shape) + 1 + axes[key], len(layers))
            if list(array.shape) != shape:
                raise ValueError(f"`{key}` has shape {array.shape}, not {tuple(shape)}")
            variable.assign(array if fused else np.take(array, k, axis=axes[key]))


def _finite(name: str, value: np.ndarray) -> np.ndarray:
    if not np.all(np.isfinite(value)):
        raise ValueError(f"`{name}` is not finite")
    return value


def _split_affine(flow: tfd.Distribution) -> tuple[list, list | None]:
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


def _affine_variables(affine: list) -> dict[str, tf.Variable]:
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


def _family_of(
    layers: list, flow: tfd.Distribution
) -> tuple[type[bijectors.Family], bool]:
    """The family of the layers, and whether they are one stack."""
    for family in bijectors.FAMILIES.values():
        if len(layers) == 1 and isinstance(layers[0], family.stack_class):
            return family, True
        if layers and _make_a_stack(family, layers):
            return family, False
    raise ValueError(
        "Only flows made by tff.planar_flow, tff.radial_flow or tff.sylvester_flow can "
        f"be saved, but got {flow!r}; save its variables with tf.train.Checkpoint."
    )


def _make_a_stack(family: type[bijectors.Family], layers: list) -> bool:
    """Whether single layers are those of one stack: of one shape, and in their turns."""
    if not all(isinstance(layer, family.layer_class) for layer in layers):
        return False
    ndims = {
        name: properties.event_ndims
        for name, properties in family.layer_class.parameter_properties().items()
    }
    tensors = [{n: getattr(layer, n) for n in ndims} for layer in layers]
    given = [{n: v for n, v in each.items() if v is not None} for each in tensors]
    shapes = [{n: tuple(v.shape) for n, v in each.items()} for each in given]
    if any(each != shapes[0] for each in shapes):
        return False
    of_layer = {n: shape[len(shape) - ndims[n] :] for n, shape in shapes[0].items()}
    stack = family(len(layers), **family.options_of(of_layer))

    def options(layer: tfp.bijectors.Bijector) -> dict:
        known = {*ndims, "validate_args", "name"}
        return {k: v for k, v in layer.parameters.items() if k not in known}

    return all(
        options(stack.layer(k, each)) == options(layer)
        for k, (layer, each) in enumerate(zip(layers, given, strict=True))
    )


def _check_base(flow: tfd.Distribution) -> None:
    base = flow.distribution
    normal = getattr(base, "distribution", None)
    if (
        isinstance(base, tfd.Sample)
        and isinstance(normal, tfd.Normal)
        and np.all(normal.loc == 0.0)
        and np.all(normal.scale == 1.0)
    ):
        return
    raise ValueError(
        f"Only flows over a standard normal can be saved, but the base is {base!r}; save "
        "the flow's variables with tf.train.Checkpoint."
    )
