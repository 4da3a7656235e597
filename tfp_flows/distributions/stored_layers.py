"""The layers of a stored flow, as arrays of their parameters."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb

from tfp_flows import bijectors


class StoredLayers(NamedTuple):
    """What a builder makes: layers of one family, and perhaps an affine map after them.

    Attributes:
      family: subclass of `bijectors.Family`.
      fused: whether the layers are one stack.
      layers: list of bijectors, in the order in which `forward` applies them.
      affine: name = variable of the map of affine=True; empty without one.
    """

    family: type[bijectors.Family]
    fused: bool
    layers: list[tfb.Bijector]
    affine: dict[str, tf.Variable]

    def metadata(self) -> dict:
        """What `arrays` do not tell, for JSON."""
        key, value = next(iter(self._parameters(self.layers[0]).items()))
        batch_ndims = value.shape.rank + self._axes()[key] + (0 if self.fused else 1)
        return dict(
            kind=self.family.name,
            fused=self.fused,
            affine=bool(self.affine),
            num_layers=self.layers[0].num_layers if self.fused else len(self.layers),
            batch_shape=value.shape[:batch_ndims].as_list(),
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """Name = array of all layers, unconstrained, and of the affine map."""
        axes = self._axes()
        parts = [self._parameters(layer) for layer in self.layers]
        arrays = {
            key: np.array(value)
            if self.fused
            else np.stack([part[key] for part in parts], axis=axes[key])
            for key, value in parts[0].items()
        }
        return arrays | {key: value.numpy() for key, value in self.affine.items()}

    def assign(self, arrays: dict[str, np.ndarray]) -> None:
        """Makes arrays that `check_arrays` returned the values of the variables."""
        axes = self._axes()
        for k, layer in enumerate(self.layers):
            for key, variable in self._parameters(layer).items():
                array = arrays[key]
                variable.assign(
                    array if self.fused else np.take(array, k, axis=axes[key])
                )
        for key, variable in self.affine.items():
            variable.assign(arrays[key])

    def _parameters(self, layer: tfb.Bijector) -> dict:
        """Unconstrained name = variable or tensor, of the parameters of a layer."""
        named = {n: getattr(layer, n) for n in self.family.unconstrained_names()}
        return self.family.unconstrain({n: v for n, v in named.items() if v is not None})

    def _axes(self) -> dict[str, int]:
        """Unconstrained name = axis of layers."""
        axes, names = self.family.layer_axes(), self.family.unconstrained_names()
        return {key: axes[name] for name, key in names.items()}


def check_arrays(
    arrays: Mapping[str, np.ndarray],
    family: bijectors.Family,
    event_size: int,
    dtype: tf.DType,
    batch_shape: Sequence[int],
    affine: bool,
) -> dict[str, np.ndarray]:
    """The arrays of the layers and the affine map, before any of them is built.

    Args:
      arrays: what `StoredLayers.arrays` returned, and perhaps more.
      family: the layers.
      event_size: D.
      dtype: of the flow.
      batch_shape: of the flow.
      affine: whether there is an affine map.

    Returns:
      Dict, name = array of `dtype`.

    Raises:
      KeyError: if one is missing.
      ValueError: if one is not finite, of another shape, or of another dtype.
    """
    # In a graph, where shapes of any size take no memory.
    with tf.Graph().as_default():
        values = family.initial_values(
            event_size,
            seed=tf.zeros([2], tf.int32),
            dtype=dtype,
            batch_shape=batch_shape,
        )
    names = family.unconstrained_names()
    shapes = {names[name]: tuple(value.shape) for name, value in values.items()}
    if affine:
        triangle = event_size * (event_size + 1) // 2
        shapes["affine_shift"] = (*batch_shape, event_size)
        shapes["affine_scale_tril"] = (*batch_shape, triangle)
    for key, shape in shapes.items():
        if arrays[key].shape != shape:
            raise ValueError(f"`{key}` has shape {arrays[key].shape}, not {shape}")
    return {key: finite(key, arrays[key], dtype) for key in shapes}


def finite(name: str, array: np.ndarray, dtype: tf.DType) -> np.ndarray:
    """An array of `dtype`, of one as files have it, or a ValueError."""
    # NumPy cannot store bfloat16.
    stored = tf.float32 if dtype == tf.bfloat16 else dtype
    if array.dtype != stored.as_numpy_dtype:
        raise ValueError(f"`{name}` is of {array.dtype}, not {stored.name}")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"`{name}` is not finite")
    return array.astype(dtype.as_numpy_dtype, copy=False)


def find_layers(bijector: tfb.Bijector) -> StoredLayers | None:
    """The layers of a bijector as a builder makes it, or `None` of any other."""
    is_chain = isinstance(bijector, tfb.Chain)
    layers = list(bijector.bijectors)[::-1] if is_chain else [bijector]
    affine = _affine_variables(*layers[-2:]) if len(layers) > 2 else {}
    if affine:
        layers = layers[:-2]
    for family in bijectors.FAMILIES.values():
        if len(layers) == 1 and isinstance(layers[0], family.stack_class):
            return StoredLayers(family, True, layers, affine)
        if layers and _make_a_stack(family, layers):
            return StoredLayers(family, False, layers, affine)
    return None


def _affine_variables(scale: tfb.Bijector, shift: tfb.Bijector) -> dict[str, tf.Variable]:
    """The variables of what `affine_layers` made, by their stored names; or empty."""
    scale_tril = scale.parameters.get("scale_tril")
    if not isinstance(shift, tfb.Shift) or not isinstance(
        scale_tril, tfp.util.TransformedVariable
    ):
        return {}
    return dict(
        affine_shift=shift.shift, affine_scale_tril=scale_tril.pretransformed_input
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

    def options(layer: tfb.Bijector) -> dict:
        known = {*ndims, "validate_args", "name"}
        return {k: v for k, v in layer.parameters.items() if k not in known}

    return all(
        options(stack.layer(k, each)) == options(layer)
        for k, (layer, each) in enumerate(zip(layers, given, strict=True))
    )
