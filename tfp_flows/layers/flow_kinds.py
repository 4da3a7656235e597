"""What the Keras layers know of a kind of flow: its parameters, their start, its map."""

import dataclasses
import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors, numerics
from tfp_flows.bijectors.initial_values import (
    planar_initial_values,
    radial_initial_values,
    sylvester_initial_values,
    sylvester_sizes,
)
from tfp_flows.bijectors.live import LiveChain


@dataclasses.dataclass(frozen=True)
class Planar:
    """K planar layers: `u`, `w` `[K, D]`, `b` `[K]`."""

    num_layers: int
    init_scale: float

    def shapes(self, event_size):
        """Parameter name = shape, without the axes of a batch."""
        matrix = (self.num_layers, event_size)
        return dict(u=matrix, w=matrix, b=matrix[:1])

    def initial_values(self, event_size, *, seed, dtype):
        """Parameter name = `Tensor` of its shape, near the identity."""
        shape = (self.num_layers, event_size)
        return planar_initial_values(
            shape, seed=seed, dtype=dtype, init_scale=self.init_scale
        )

    def bijectors(self, u, w, b):
        """The bijectors of the flow, in the order in which they apply.

        Args:
          u: `Tensor` or `tf.Variable` of shape `[..., K, D]`.
          w: like `u`.
          b: `Tensor` or `tf.Variable` of shape `[..., K]`.

        Returns:
          List of `tfb.Bijector`s with `forward_and_log_det`.
        """
        return [bijectors.PlanarStack(u, w, b)]


@dataclasses.dataclass(frozen=True)
class Radial:
    """K radial layers: `center` `[K, D]`, `alpha_unconstrained`, `beta` `[K]`.

    alpha is softplus of `alpha_unconstrained`, plus an epsilon that keeps it positive.
    """

    num_layers: int
    init_scale: float

    def shapes(self, event_size):
        """As `Planar.shapes`."""
        vector = (self.num_layers,)
        return dict(center=(*vector, event_size), alpha_unconstrained=vector, beta=vector)

    def initial_values(self, event_size, *, seed, dtype):
        """As `Planar.initial_values`."""
        shape = (self.num_layers, event_size)
        values = radial_initial_values(
            shape, seed=seed, dtype=dtype, init_scale=self.init_scale
        )
        alpha = values.pop("alpha")
        return values | dict(alpha_unconstrained=_positive(alpha.dtype).inverse(alpha))

    def bijectors(self, center, alpha_unconstrained, beta):
        """As `Planar.bijectors`; of shapes `[..., K, D]`, `[..., K]`, `[..., K]`."""
        positive = _positive(alpha_unconstrained.dtype)
        return [
            bijectors.RadialStack(center, _apply(positive, alpha_unconstrained), beta)
        ]


@dataclasses.dataclass(frozen=True)
class Sylvester:
    """K Sylvester layers: `r`, `r2` `[K, M, M]`, `b` `[K, M]`, `v` `[K, H, D]`.

    The triangular form has no `v`, and reverses the coordinates in every second layer.
    """

    num_layers: int
    num_units: int | None
    form: str
    num_reflections: int | None
    init_scale: float

    def __post_init__(self):
        # What can be known before the event size is: any D >= M will do here.
        sylvester_sizes(self.num_units or 1, self.num_units, *self._form())

    def _form(self):
        return self.form, self.num_reflections

    def _sizes(self, event_size):
        """M, and H or `None`."""
        return sylvester_sizes(event_size, self.num_units, *self._form())

    def shapes(self, event_size):
        """As `Planar.shapes`."""
        units, reflections = self._sizes(event_size)
        matrix = (self.num_layers, units, units)
        shapes = dict(r=matrix, r2=matrix, b=matrix[:2])
        if reflections is not None:
            shapes["v"] = (self.num_layers, reflections, event_size)
        return shapes

    def initial_values(self, event_size, *, seed, dtype):
        """As `Planar.initial_values`."""
        return sylvester_initial_values(
            [self.num_layers],
            *self._sizes(event_size),
            event_size,
            seed=seed,
            dtype=dtype,
            init_scale=self.init_scale,
        )

    def bijectors(self, **parameters):
        """As `Planar.bijectors`; one bijector per layer."""
        event_ndims = dict(r=2, r2=2, b=1, v=2)

        def layer(k):
            values = {
                name: _apply(lambda t, n=event_ndims[name]: _take_layer(t, k, n), value)
                for name, value in parameters.items()
            }
            reverse = self.form == "triangular" and k % 2 == 1
            return bijectors.Sylvester(**values, reverse=reverse)

        return [layer(k) for k in range(self.num_layers)]


def parameter_count(shapes):
    """How many numbers parameters of these shapes are."""
    return sum(math.prod(shape) for shape in shapes.values())


def split_parameters(flat, shapes):
    """`[..., P]` into a dict of parameters `[..., *shape]`, in the order of `shapes`."""
    parts = tf.split(flat, [math.prod(shape) for shape in shapes.values()], axis=-1)
    batch = tf.shape(flat)[:-1]
    result = {}
    for (name, shape), part in zip(shapes.items(), parts, strict=True):
        value = tf.reshape(part, tf.concat([batch, shape], axis=0))
        result[name] = tf.ensure_shape(value, flat.shape[:-1].concatenate(shape))
    return result


def join_parameters(values, shapes):
    """The inverse of `split_parameters`, of arrays without a batch: `[P]`."""
    return np.concatenate([np.ravel(values[name]) for name in shapes])


def forward_and_log_det(layers, z):
    """The image of `z`, `[..., D]`, under several bijectors, and its log-det `[...]`."""
    z, total = layers[0].forward_and_log_det(z)
    for layer in layers[1:]:
        z, log_det = layer.forward_and_log_det(z)
        total += log_det
    return z, total


def chain(layers):
    """Bijectors that apply first to last as one `tfb.Chain`, which has them reversed."""
    # A bijector of the user's may be no composite tensor, and a LiveChain is one.
    composite = tfp.bijectors.AutoCompositeTensorBijector
    is_composite = all(isinstance(layer, composite) for layer in layers)
    return (LiveChain if is_composite else tfp.bijectors.Chain)(layers[::-1])


def _positive(dtype):
    dtype = tf.as_dtype(dtype)
    return tfp.bijectors.Softplus(low=tf.constant(numerics.epsilon(dtype), dtype))


def _apply(fn, value):
    """`fn` of `value`, at each use anew if it is a variable, so that it stays live."""
    if numerics.is_live(value):
        shape = fn(tf.zeros(value.shape, value.dtype)).shape
        return tfp.util.DeferredTensor(value, fn, shape=shape)
    return fn(value)


def _take_layer(parameter, k, event_ndims):
    """`[..., K, *event]` to `[..., *event]`."""
    return tf.gather(parameter, k, axis=-1 - event_ndims)
