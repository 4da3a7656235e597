"""Bijectors whose results are those of the present parameters."""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors.pickling import Picklable


def unknown_to_caches(points: Any) -> Any:
    """The same points, in eager mode as new tensors.

    TFP's cache of bijectors goes by the identity of a tensor. It knows neither
    assignments to variables nor tapes: of a tensor that it has met before, it returns the
    value at the old parameters, without gradients. In the trace of a graph, where a
    tensor lives as long as the trace, it makes one pass of a value and its log-det.

    Args:
      points: nested structure of `Tensor`s, or of what TFP converts to new ones.

    Returns:
      The structure, with equal values.
    """
    if not tf.executing_eagerly():
        return points
    return tf.nest.map_structure(
        lambda point: tf.identity(point) if tf.is_tensor(point) else point, points
    )


class Live(Picklable, tfp.bijectors.Bijector):
    """Base of bijectors that TFP's cache never answers for in eager mode."""

    def forward(self, x: npt.ArrayLike, *args: Any, **kwargs: Any) -> tf.Tensor:
        """As of `tfb.Bijector`, at the present parameters."""
        return super().forward(unknown_to_caches(x), *args, **kwargs)

    def inverse(self, y: npt.ArrayLike, *args: Any, **kwargs: Any) -> tf.Tensor:
        """As of `tfb.Bijector`, at the present parameters."""
        return super().inverse(unknown_to_caches(y), *args, **kwargs)

    def forward_log_det_jacobian(
        self, x: npt.ArrayLike, *args: Any, **kwargs: Any
    ) -> tf.Tensor:
        """As of `tfb.Bijector`, at the present parameters."""
        x = unknown_to_caches(x)
        return super().forward_log_det_jacobian(x, *args, **kwargs)

    def inverse_log_det_jacobian(
        self, y: npt.ArrayLike, *args: Any, **kwargs: Any
    ) -> tf.Tensor:
        """As of `tfb.Bijector`, at the present parameters."""
        y = unknown_to_caches(y)
        return super().inverse_log_det_jacobian(y, *args, **kwargs)


class LiveChain(Live, tfp.bijectors.Chain):
    """A `tfb.Chain`, live whatever its links are.

    The first link gets a new tensor, and each other one what the link before it made.
    """


def chain(bijectors: Sequence[tfp.bijectors.Bijector]) -> tfp.bijectors.Chain:
    """Bijectors that apply first to last, as one.

    Args:
      bijectors: sequence of `tfb.Bijector`s, the first of which `forward` applies first.
        (A `tfb.Chain` is given the last first.)

    Returns:
      `tfb.Chain`, whose results in eager mode are those of the present parameters if
      all of its bijectors are composite tensors, as those of this package and most of
      TFP's are.
    """
    composite = tfp.bijectors.AutoCompositeTensorBijector
    is_composite = all(isinstance(bijector, composite) for bijector in bijectors)
    return (LiveChain if is_composite else tfp.bijectors.Chain)(bijectors[::-1])
