"""A Bayesian model as a density over unconstrained vectors."""

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tree
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics
from tfp_flows.density import RowwisePosterior
from tfp_flows.posteriors.batching import for_many_points
from tfp_flows.posteriors.pins import part_names, pin
from tfp_flows.posteriors.supports import check_densities, default_bijector


@dataclasses.dataclass(frozen=True)
class Model:
    """What is to be inferred, and its density over vectors of D unconstrained numbers.

    Attributes:
      names: of the parts of a point, in the order of `tf.nest.flatten`.
      event_shape: structure of `tf.TensorShape`s, of a point in the model's own space.
      event_size: D.
      dtype: `tf.DType` of all parts.
      bijector: `tfb.Bijector` from vectors `[..., D]` to points.
      log_prob_fn: callable, vectors `[..., D]` to log densities `[...]`, up to a constant
        and with the log-det-Jacobian of `bijector`.
      joint: the pinned joint distribution, or `None` for a hand-written density.
      can_compile: whether XLA can compile `log_prob_fn`, as far as is known, and is to:
        not where `fit_posterior` was told `jit_compile=False`.
    """

    names: tuple[str, ...]
    event_shape: Any
    event_size: int
    dtype: tf.DType
    bijector: tfb.Bijector
    log_prob_fn: Callable[[tf.Tensor], tf.Tensor]
    joint: tfd.Distribution | None = None
    can_compile: bool = True

    def constrain(self, vectors: tf.Tensor) -> Any:
        """Vectors `[..., D]` as points, a structure of `[..., *shape]` `Tensor`s."""
        batch = tf.shape(vectors)[:-1]
        points = self._constrain(tf.reshape(vectors, [-1, self.event_size]))
        return tf.nest.map_structure(
            lambda part: tf.reshape(part, tf.concat([batch, tf.shape(part)[1:]], 0)),
            points,
        )

    @functools.cached_property
    def _constrain(self) -> Callable:
        # Eagerly, bijectors of AutoBatched joints trace anew, each time.
        vectors = tf.TensorSpec([None, self.event_size], self.dtype)
        forward = tf.function(self.bijector.forward, autograph=False)
        return forward.get_concrete_function(vectors)

    def named(self, points: Any) -> dict[str, np.ndarray]:
        """The parts of `points` by their names, as arrays."""
        parts = tf.nest.flatten(points)
        return {
            name: np.asarray(part) for name, part in zip(self.names, parts, strict=True)
        }


def as_model(
    target: Any,
    pins: dict[str, Any],
    *,
    event_shape: Any = None,
    bijector: Any = None,
    dtype: tf.DType = tf.float32,
) -> Model:
    """The model of a joint distribution and its data, or of a hand-written density.

    Args:
      target: `tfd.JointDistribution` or `JointDistributionPinned`; or a callable of
        points, structures of `Tensor`s `[S, *shape]`, to log densities `[S]`.
      pins: name = value of the observed parts of a joint distribution.
      event_shape: of a hand-written density, a structure of shapes.
      bijector: from unconstrained points to points, a `tfb.Bijector` or a structure of
        them; `None` is the joint distribution's own, or the identity.
      dtype: of a hand-written density.

    Returns:
      `Model`.

    Raises:
      TypeError: if `target` is none of these, or parts are discrete, have no bijector of
        their own, have a density of other coordinates than their bijector, or differ in
        dtype.
      ValueError: if pins do not fit the joint distribution, it is a batch of several, or
        TensorFlow cannot map it over points.
    """
    if isinstance(target, RowwisePosterior):
        raise TypeError(
            "A RowwisePosterior is a density of unconstrained vectors already: fit a "
            f"flow, such as tff.planar_flow({target.event_shape[0]}, 16, affine=True), "
            "to it by tff.vi.fit_reverse_kl, judge that by tff.diagnostics.evaluate, and "
            "draw by tff.posteriors.refine."
        )
    if isinstance(target, tfd.Distribution) or hasattr(target, "experimental_pin"):
        if event_shape is not None:
            raise ValueError(
                "`event_shape` is for hand-written densities; a joint distribution has "
                "its own."
            )
        joint = pin(target, pins)
        check_densities(joint)
        event_shape, dtypes = joint.event_shape, joint.dtype
        log_prob_fn, names = joint.unnormalized_log_prob, _names(joint)
    elif callable(target):
        if event_shape is None or pins:
            given = f"the pins {', '.join(pins)}" if pins else "no `event_shape`"
            raise ValueError(
                "A hand-written density needs `event_shape`, and takes no pins: its data "
                f"are its own; got {given}."
            )
        joint, log_prob_fn, dtype = None, target, numerics.check_dtype(dtype)
        event_shape = _as_shapes(event_shape)
        dtypes = tf.nest.map_structure(lambda _: dtype, event_shape)
        names = tuple(path_names(event_shape))
    else:
        raise TypeError(
            "`joint` must be a tfd.JointDistribution, or a function of points with "
            f"`event_shape`, but got {target!r}."
        )
    dtype = _common_dtype(names, dtypes)
    if joint is not None and bijector is None:
        bijector = default_bijector(joint)
    bijector = _structured(bijector, event_shape)
    flat, event_size = _from_vectors(bijector, event_shape)

    def log_prob_of_vectors(z: tf.Tensor) -> tf.Tensor:
        log_det = flat.forward_log_det_jacobian(z, event_ndims=1)
        return log_prob_fn(flat.forward(z)) + log_det

    log_prob_of_many, can_compile = for_many_points(
        log_prob_of_vectors,
        event_size,
        dtype,
        is_auto_batched=getattr(joint, "use_vectorized_map", False),
    )
    return Model(
        names=names,
        event_shape=event_shape,
        event_size=event_size,
        dtype=dtype,
        bijector=flat,
        log_prob_fn=log_prob_of_many,
        joint=joint,
        can_compile=can_compile,
    )


def _names(joint: tfd.Distribution) -> tuple[str, ...]:
    """Names of the numbers left, one for each `Tensor` of a point."""
    structure = joint.event_shape
    if isinstance(structure, dict) or hasattr(structure, "_fields"):
        return tuple(path_names(structure))
    left = [name for name in part_names(joint.distribution) if name not in joint.pins]
    paths = (
        [name if path == "x" else f"{name}/{path}" for path in path_names(part)]
        for name, part in zip(left, structure, strict=True)
    )
    return tuple(itertools.chain.from_iterable(paths))


def path_names(structure: Any) -> list[str]:
    """A name for each leaf of a structure, in the order of `tf.nest.flatten`."""
    paths = [path for path, _ in tree.flatten_with_path(_as_leaves(structure))]
    return ["/".join(map(str, path)) or "x" for path in paths]


def _as_leaves(shapes: Any) -> Any:
    """The structure with one leaf for each shape, as `TensorShape`s have parts."""
    return tf.nest.map_structure(lambda _: 0, shapes)


def _as_shapes(event_shape: Any) -> Any:
    """`TensorShape`s from `int`s, or lists of `int`s, in any structure."""
    is_shape = isinstance(event_shape, int | tf.TensorShape) or (
        isinstance(event_shape, list | tuple)
        and all(isinstance(size, int) for size in event_shape)
    )
    if is_shape:
        shape = [event_shape] if isinstance(event_shape, int) else event_shape
        return tf.TensorShape(shape)
    if isinstance(event_shape, dict):
        return {name: _as_shapes(shape) for name, shape in event_shape.items()}
    if isinstance(event_shape, list | tuple):
        shapes = [_as_shapes(shape) for shape in event_shape]
        is_named = hasattr(event_shape, "_fields")
        return type(event_shape)(*shapes) if is_named else type(event_shape)(shapes)
    raise TypeError(
        f"`event_shape` must be a shape or a structure of shapes, but got "
        f"{event_shape!r}."
    )


def _common_dtype(names: tuple[str, ...], dtypes: Any) -> tf.DType:
    """The dtype of all parts; raises TypeError if it is not one, or not floating."""
    by_name = dict(zip(names, map(tf.as_dtype, tf.nest.flatten(dtypes)), strict=True))
    discrete = [name for name, dtype in by_name.items() if not dtype.is_floating]
    if discrete:
        raise TypeError(
            f"{', '.join(discrete)} is discrete, but a flow is a density of real "
            "numbers: sum it out of the model (tfd.MixtureSameFamily, "
            "tfd.HiddenMarkovModel), or pin it."
        )
    if len(set(by_name.values())) > 1:
        found = ", ".join(f"{name}: {dtype.name}" for name, dtype in by_name.items())
        raise TypeError(
            f"All parts must be of one dtype, but the model has {found}; write its "
            "constants in one."
        )
    return next(iter(by_name.values()))


def _structured(bijector: Any, event_shape: Any) -> tfb.Bijector:
    """One bijector of points, of a structure of them or of `None`."""
    if isinstance(bijector, tfb.Bijector):
        return bijector
    if bijector is None:
        bijector = tf.nest.map_structure(lambda _: tfb.Identity(), event_shape)
    leaves = _as_leaves(event_shape)
    try:
        tf.nest.assert_same_structure(bijector, leaves, check_types=False)
        parts = tf.nest.flatten(bijector)
        is_good = all(isinstance(part, tfb.Bijector) for part in parts)
    except (TypeError, ValueError):
        is_good = False
    if not is_good:
        raise ValueError(
            "`bijector` must be a tfb.Bijector, or a structure of them like the shapes "
            f"of the parts, {event_shape}, but got {bijector!r}."
        )
    if isinstance(bijector, tfb.Bijector):
        return bijector
    bijectors = tf.nest.pack_sequence_as(leaves, parts)
    return tfb.JointMap(bijectors)


def _from_vectors(bijector: tfb.Bijector, event_shape: Any) -> tuple[tfb.Bijector, int]:
    """From vectors `[..., D]` to points, and D."""
    shapes = bijector.inverse_event_shape(event_shape)
    parts = tf.nest.flatten(shapes)
    for shape in parts:
        if not shape.is_fully_defined():
            raise ValueError(
                f"The shapes of all parts must be known, but one is {shape}."
            )
    sizes = [shape.num_elements() for shape in parts]
    reshape = tfb.JointMap(
        [tfb.Reshape(event_shape_out=shape, event_shape_in=[-1]) for shape in parts]
    )
    indices = list(range(len(parts)))
    pack = tfb.Restructure(
        output_structure=tf.nest.pack_sequence_as(shapes, indices),
        input_structure=indices,
    )
    return tfb.Chain([bijector, pack, reshape, tfb.Split(sizes)]), sum(sizes)
