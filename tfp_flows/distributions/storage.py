"""Saved flows: plain arrays in a NumPy archive, never pickles."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows import bijectors, numerics
from tfp_flows.distributions.base import build_flow
from tfp_flows.distributions.stored_layers import (
    StoredLayers,
    check_arrays,
    find_layers,
)
from tfp_flows.distributions.stored_objects import decode, encode, is_storable
from tfp_flows.files import Format, InvalidFileError
from tfp_flows.types import PathLike

# Version 2 has what is around the layers, and the base. Flows without either are saved
# as 1.
_FORMAT = Format(
    "tfp_flows/flow",
    versions=(1, 2),
    is_not="not a saved flow",
    advice="pass a file that tff.distributions.save wrote",
)
_MAX_AROUND = 100


def save(flow: tfd.Distribution, path: PathLike) -> None:
    """Saves a flow.

    The file is an `.npz` archive of the parameters, as the bijector names them, and of a
    JSON string `metadata`. A file of that name is replaced whole or not at all.

    Args:
      flow: what `planar_flow` and others returned, trained or not; also inverted by
        `tfb.Invert`, or in a `tfb.Chain` with a `tfb.Shift`, `Scale`, `ScaleMatvecDiag`
        or `ScaleMatvecTriL` of constants or `tf.Variable`s; over a `tfd.Normal`,
        `MultivariateNormalDiag` or `MultivariateNormalTriL`, also in a `tfd.Sample` or
        `Independent`.
      path: where to write; the customary ending is `.npz`.

    Raises:
      ValueError: if `flow` is anything else.
      OSError: if the file cannot be written.
    """
    stored, steps = _unwrap(getattr(flow, "bijector", None))
    if stored is None:
        raise ValueError(
            "`flow` must be made by tff.planar_flow or another builder of ours to be "
            f"saved, but got {flow!r}; save its variables with tf.train.Checkpoint."
        )
    arrays = stored.arrays()
    metadata: dict[str, Any] = dict(version=1, event_size=int(flow.event_shape[-1]))
    metadata |= dict(dtype=flow.dtype.name) | stored.metadata()
    if not _is_standard_normal(flow.distribution):
        metadata |= dict(version=2, base=encode(flow.distribution, "base", arrays))
    if steps:
        around = [
            dict(step=step, bijector=part and encode(part, f"around_{i}", arrays))
            for i, (step, part) in enumerate(steps)
        ]
        metadata |= dict(version=2, around=around)
    _FORMAT.write(path, metadata, arrays)


def load(path: PathLike) -> tfd.TransformedDistribution:
    """Loads a flow that `save` wrote, trainable, with identical parameters.

    Nothing in the file is executed or unpickled.

    Args:
      path: the file.

    Returns:
      `tfd.TransformedDistribution`.

    Raises:
      OSError: if the file cannot be read.
      InvalidFileError: if it is no saved flow, is damaged, or of a newer version. It is a
        `ValueError`. No more memory is taken for such a file than it is long.
    """
    metadata, arrays = _FORMAT.read(path)
    try:
        return _build(metadata, arrays)
    # Objects of TFP raise any of these for arguments that do not fit.
    except (
        ArithmeticError,
        LookupError,
        NotImplementedError,
        TypeError,
        ValueError,
        tf.errors.OpError,
    ) as error:
        raise InvalidFileError(
            f"{path} is a damaged flow: its metadata and arrays do not fit ({error})."
        ) from error


def _build(
    metadata: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> tfd.TransformedDistribution:
    """The flow of the metadata, with the arrays as the values of its variables."""

    def typed(name: str, kind: type, default: Any = None) -> Any:
        value = metadata.get(name, default)
        if not isinstance(value, kind):
            raise TypeError(f"`{name}` must be a {kind.__name__}, but is {value!r}")
        return value

    # Triangular Sylvester layers once had a kind of their own, "sylvester-triangular".
    family = bijectors.FAMILIES[typed("kind", str).partition("-")[0]]
    dtype = numerics.check_dtype(typed("dtype", str))
    event_size = numerics.check_size("event_size", typed("event_size", int))
    num_layers = numerics.check_size("num_layers", typed("num_layers", int))
    affine = typed("affine", bool, False)
    batch_shape = numerics.check_shape("batch_shape", typed("batch_shape", list))
    of_layer = {key: a.shape[len(batch_shape) + 1 :] for key, a in arrays.items()}
    options = family.options_of(of_layer)
    of_flow = check_arrays(
        arrays, family(num_layers, **options), event_size, dtype, batch_shape, affine
    )
    flow = build_flow(
        family,
        event_size,
        num_layers,
        seed=0,
        dtype=dtype,
        fused=typed("fused", bool),
        affine=affine,
        base=decode(metadata["base"], arrays, dtype) if "base" in metadata else None,
        batch_shape=batch_shape,
        **options,
    )
    find_layers(flow.bijector).assign(of_flow)  # type: ignore[union-attr]
    around = typed("around", list, [])
    if len(around) > _MAX_AROUND:
        raise ValueError(f"{len(around)} bijectors are around the layers")
    bijector = flow.bijector
    for record in around:
        if record["step"] == "invert":
            bijector = tfb.Invert(bijector)
            continue
        part = decode(record["bijector"], arrays, dtype)
        for key, value in part.parameters.items():
            shape = getattr(value, "shape", None)
            if shape and shape[-1] not in (1, event_size):
                raise ValueError(f"`{key}` has shape {shape} at events of {event_size}")
        is_after = record["step"] == "after"
        bijector = bijectors.chain([bijector, part] if is_after else [part, bijector])
    if bijector is flow.bijector:
        return flow
    return tfd.TransformedDistribution(flow.distribution, bijector)


def _unwrap(bijector: tfb.Bijector | None) -> tuple[StoredLayers | None, list]:
    """The layers within a bijector, and what is around them.

    Returns:
      The layers, or `None` if there is anything that cannot be stored; and a list of
      pairs, from the inside: "invert" and `None`, or "after" or "before" the rest and
      the bijector that is.
    """
    if isinstance(bijector, tfb.Invert):
        stored, steps = _unwrap(bijector.bijector)
        return stored, [*steps, ("invert", None)]
    stored = find_layers(bijector) if isinstance(bijector, tfb.Bijector) else None
    if stored is None and isinstance(bijector, tfb.Chain):
        # The first of a chain is applied last.
        first, *rest = parts = list(bijector.bijectors)
        if len(parts) == 1:
            return _unwrap(first)
        if is_storable(first):
            stored, steps = _unwrap(tfb.Chain(rest))
            return stored, [*steps, ("after", first)]
        if is_storable(parts[-1]):
            stored, steps = _unwrap(tfb.Chain(parts[:-1]))
            return stored, [*steps, ("before", parts[-1])]
    return stored, []


def _is_standard_normal(base: tfd.Distribution) -> bool:
    normal = getattr(base, "distribution", None)
    return (
        isinstance(base, tfd.Sample)
        and isinstance(normal, tfd.Normal)
        and not base.trainable_variables
        and bool(np.all(normal.loc == 0.0) and np.all(normal.scale == 1.0))
    )
