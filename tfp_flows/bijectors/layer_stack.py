"""Bijectors of several layers or units, which move many samples at once."""

from collections.abc import Callable
from typing import ClassVar

import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.bijectors.one_pass import OnePass
from tfp_flows.bijectors.planar_compact import inverse_compact, score_compact
from tfp_flows.bijectors.planar_layer import (
    TanhUnits,
    along_samples,
    planar_log_det,
)
from tfp_flows.bijectors.point_layout import flatten_points, samples_first


class OnSamples(OnePass):
    """Base of bijectors that take points as S samples of each member of a batch.

    Subclasses define

    - `_constrained()`: what the parameters come to, each read once, a named tuple whose
      first entry has an axis of size D; and `_event_ndims`, the ranks of its entries
      without batch axes;
    - `_sized_parameter`: the name of the parameter that has the event size;
    - `_forward_samples(x, layers)` and `_inverse_samples(y, layers)` of points `[S, *B,
      D]`: their image, and what the log-dets need of it, `[*B, K, S]`;
    - `_log_dets(held, layers, event_size)`: the log-dets of the K layers, `[*B, K, S]`;
    - `_score_samples(score, x, layers)`: the score of the image of `x`, `[S, *B, D]`.
    """

    def forward_score(self, x: tf.Tensor, score: tf.Tensor) -> tf.Tensor:
        """The score of the image, in one pass over the layers; see `Planar`.

        Args:
          x: `Tensor` of shape `[..., D]`.
          score: `Tensor` of the shape of `x`, the gradient of the log density there.

        Returns:
          `Tensor` of shape `[..., D]`, the score at `forward(x)`.
        """
        x = tf.convert_to_tensor(x, dtype=self.dtype)
        flat, layers, restore = self._prepare(x)
        flat_score, *_ = self._prepare(tf.broadcast_to(score, tf.shape(x)))
        return restore(self._score_samples(flat_score, flat, layers))

    def _forward_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return self._run(x, self._forward_samples)

    def _inverse_and_log_det(self, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return self._run(y, self._inverse_samples)

    def _run(self, points: tf.Tensor, move: Callable) -> tuple[tf.Tensor, tf.Tensor]:
        """Moved points and forward log-det."""
        flat, layers, restore = self._prepare(points)
        image, held = move(flat, layers)
        log_dets = self._log_dets(held, layers, tf.shape(flat)[-1])
        log_det = samples_first(numerics.sum_layers(log_dets), event_ndims=0)
        return restore(image), restore(log_det)

    def _prepare(self, points: tf.Tensor) -> tuple:
        """Points `[S, *B, D]`, what the parameters come to, and the way back."""
        layers = self._constrained()
        numerics.check_event_size(
            points,
            layers[0],
            bijector=type(self).__name__,
            name=self._sized_parameter,
        )
        flat, parts, restore = flatten_points(points, layers, self._event_ndims)
        if flat.shape[-1] is None:
            flat = tf.ensure_shape(flat, [*flat.shape[:-1], layers[0].shape[-1]])
        return flat, type(layers)(*parts), restore


class OfTanhUnits(OnSamples):
    """Base of bijectors of planar or Sylvester layers.

    `_constrained` returns `TanhUnits` of shape `[*B, K]`, of K layers or units or both,
    and `_forward_samples` the pre-activations, `[*B, K, S]`.
    """

    _event_ndims = TanhUnits(w=2, b=1, u_hat=2, q=1, q_minus_one=1, log_q=1)

    _inverse_samples = staticmethod(inverse_compact)

    def _log_dets(self, held: tf.Tensor, layers: TanhUnits, size: tf.Tensor) -> tf.Tensor:
        return planar_log_det(held, along_samples(layers))

    def _score_samples(
        self, score: tf.Tensor, x: tf.Tensor, layers: TanhUnits
    ) -> tf.Tensor:
        _, s = self._forward_samples(x, layers)
        return score_compact(score, s, layers)


class LayerStack:
    """Mixin of a bijector of K layers."""

    # Parameter name = sizes of its last axes, of which the first is K.
    _sizes: ClassVar[dict[str, str]]

    def _check_shapes(self) -> None:
        named = {name: getattr(self, name) for name in self._sizes}
        self._num_layers = num_layers_of(
            type(self).__name__,
            {name: value for name, value in named.items() if value is not None},
            self._sizes,
        )

    @property
    def num_layers(self) -> int:
        """The number of layers K, a Python `int`."""
        return self._num_layers


def num_layers_of(bijector: str, parameters: dict, sizes: dict[str, str]) -> int:
    """The number of layers K that the parameters of a stack agree on.

    Args:
      bijector: name of the bijector, for the message.
      parameters: name = value.
      sizes: name = sizes of the last axes, of which the first is K, such as "K, D".

    Returns:
      Python `int`.

    Raises:
      ValueError: if K is not static, is 0, or differs between parameters.
    """
    found = {}
    for name, value in parameters.items():
        ndims = len(sizes[name].split(", "))
        if value.shape.rank is None or value.shape.rank < ndims:
            raise ValueError(
                f"{bijector} needs `{name}` of shape [..., {sizes[name]}], but got shape "
                f"{value.shape}."
            )
        found[name] = tf.compat.dimension_value(value.shape[-ndims])
    if len(set(found.values())) > 1 or None in found.values() or 0 in found.values():
        raise ValueError(
            f"{bijector} needs one static number of layers K >= 1 in all parameters, "
            f"but got {', '.join(f'{name}: {k}' for name, k in found.items())}."
        )
    return next(iter(found.values()))
