"""The negative log likelihood of points as an objective."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.density import check_distribution
from tfp_flows.types import Points, StepTerms
from tfp_flows.vi.batches import ArrayBatches, DatasetBatches
from tfp_flows.vi.compiled_log_prob import compile_log_prob
from tfp_flows.vi.data_arguments import (
    align,
    first_log_prob,
)
from tfp_flows.vi.objective import Objective
from tfp_flows.vi.prepare_data import prepare_data
from tfp_flows.vi.weighted_points import WeightedPoints


def describe_nll(loss: np.ndarray) -> dict[str, np.ndarray]:
    """A mean negative log likelihood."""
    return dict(NLL=loss)


class NegativeLogLikelihood(Objective):
    """The mean negative log likelihood of batches of points, in nats per point.

    In expectation over the points it is KL(data || q) plus the entropy of the data. With
    weights, all means are weighted.
    """

    describe = staticmethod(describe_nll)

    # After `bind`.
    _batches: ArrayBatches | DatasetBatches
    _held_out: WeightedPoints | None
    _log_prob_fn: Callable[[np.ndarray], np.ndarray]
    _settings: dict[str, Any]

    def __init__(
        self,
        data: Points,
        *,
        sample_weight: npt.ArrayLike | None = None,
        batch_size: int | None = None,
        validation_split: float | None = 0.0,
        validation_data: Points | None = None,
        validation_sample_weight: npt.ArrayLike | None = None,
    ) -> None:
        """Takes the points.

        Args:
          data: array `[N, *event_shape]`, or a `tf.data.Dataset` of batches; as of
            `tff.vi.fit_maximum_likelihood`, like the others.
          sample_weight: `[N]` weights of the points of an array; `None` is equal ones.
          batch_size: B, points per step; `None` is 256, or N if that is less.
          validation_split: share of an array that is held out; `None` is 0.1, unless
            there is `validation_data`.
          validation_data: held-out points, an array or a finite dataset.
          validation_sample_weight: weights of these; `None` is equal ones.
        """
        self._data = data
        self.is_function_of_step = not isinstance(data, tf.data.Dataset)
        self._arguments: dict[str, Any] = dict(
            sample_weight=sample_weight,
            batch_size=batch_size,
            validation_split=validation_split,
            validation_data=validation_data,
            validation_sample_weight=validation_sample_weight,
        )

    def bind(
        self, flow: tfd.Distribution, *, seed: tf.Tensor, jit_compile: bool = False
    ) -> "NegativeLogLikelihood":
        """See base class.

        Raises:
          TypeError: if `flow` is no distribution, or points have another dtype.
          ValueError: if points have another shape than `[N, *event_shape]`, are too few,
            are not finite, or outside the support of the flow; if a weight is NaN,
            infinite or negative, or all are 0; if `log_prob` fails.
        """
        check_distribution(flow)
        bound = super().bind(flow, seed=seed, jit_compile=jit_compile)
        bound._batches, training, held_out, bound._settings = prepare_data(
            flow, self._data, **self._arguments, seed=seed
        )
        bound.max_chunk_size = bound._batches.max_chunk_size
        first_log_prob(flow, training.points)
        arrays = [part.points for part in (held_out, training) if part is not None]
        bound._log_prob_fn = compile_log_prob(flow, *arrays, jit_compile=jit_compile)
        bound._check_support(training.points, "data")
        if held_out is not None:
            bound._check_support(held_out.points, "validation_data")
        bound._held_out = held_out
        return bound

    def __call__(self, step: tf.Tensor) -> StepTerms:
        """See base class."""
        points, weights, size = self._batches.batch(step)
        nll = -self.flow.log_prob(align(self.flow, points))
        if weights is None:
            loss = tf.reduce_mean(nll, axis=0)
        else:
            weights = tf.reshape(weights, [-1] + [1] * (nll.shape.rank - 1))
            loss = tf.reduce_sum(weights * nll, axis=0) / tf.cast(size, nll.dtype)
        return tf.reduce_sum(loss), loss, tf.ones([], self.flow.dtype)

    def feed(self, start: int, end: int) -> None:
        """See base class."""
        self._batches.feed(start, end)

    def held_out_loss(self) -> np.ndarray | None:
        """See base class."""
        if self._held_out is None:
            return None
        log_prob = self._log_prob_fn(self._held_out.points)
        weights = self._held_out.weights
        if weights is None:
            return np.asarray(-np.mean(log_prob, axis=0, dtype=np.float64))
        log_prob = log_prob.astype(np.float64)
        return np.asarray(-np.average(log_prob, axis=0, weights=weights))

    def settings(self) -> dict[str, Any]:
        """See base class; data and weights by their number and a checksum."""
        return self._settings

    def explain(self, step: int) -> str:
        """See base class."""
        points, *_ = self._batches.batch(tf.constant(step))
        log_prob = self.flow.log_prob(align(self.flow, points)).numpy()
        log_prob = np.where(np.isfinite(log_prob), log_prob, -np.inf)
        worst = np.unravel_index(np.argmin(log_prob), log_prob.shape)
        return (
            f"The least likely point of that batch is {_text(points[worst[0]].numpy())}, "
            f"whose log density is {log_prob[worst]:g}. Standardise the data, lower the "
            "learning rate, or compute in float64."
        )

    def _check_support(self, points: np.ndarray, name: str) -> None:
        """Raises ValueError if the density is not finite and positive at all points."""
        log_prob = self._log_prob_fn(points)
        is_bad = ~np.isfinite(log_prob)
        is_bad_point = np.any(is_bad, axis=tuple(range(1, is_bad.ndim)))
        if np.any(is_bad_point):
            first = int(np.argmax(is_bad_point))
            value = log_prob[first][is_bad[first]].flat[0]
            raise ValueError(
                f"log_prob of the initial {self.flow.name} is not finite at "
                f"{np.sum(is_bad_point)} of {len(points)} points of `{name}`, for "
                f"example {value} at {_text(points[first])} (index {first}); such points "
                "are outside its support, or so far away that numbers overflow: "
                "transform the data, for example by standardising them, or take another "
                "base."
            )


def _text(point: np.ndarray) -> str:
    return np.array2string(point, precision=4, threshold=8)
