"""Mini-batches for the compiled loop: drawn from an array, or copied from a dataset."""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics, training
from tfp_flows.vi.data_arguments import check_dtype, check_shape
from tfp_flows.vi.epochs import EpochIndices, block_size
from tfp_flows.vi.weighted_points import WeightedPoints


class Batch(NamedTuple):
    """The points of a step, whose loss is `sum(weights * nll) / size`.

    Attributes:
      points: `[B, *event]` `Tensor`.
      weights: `[B]` `Tensor`; `None` is ones.
      size: how many points there are, `int` or scalar `Tensor`, B without weights; of
        each of R replicas, an R-th of those of all.
    """

    points: tf.Tensor
    weights: tf.Tensor | None
    size: int | tf.Tensor


class ArrayBatches:
    """Batches of an array, by `EpochIndices`."""

    def __init__(self, data: WeightedPoints, batch_size: int, seed: tf.Tensor) -> None:
        """Takes N points, the size B <= N and a stateless seed."""
        self._points = tf.constant(data.points)
        self._weights = None
        if data.weights is not None:
            self._weights = tf.constant(data.weights, self._points.dtype)
        self.batch_size = batch_size
        self._indices = EpochIndices(len(data), batch_size, seed)
        self.max_chunk_size = self._indices.max_chunk_size
        self.feed = self._indices.feed

    def batch(self, step: tf.Tensor) -> Batch:
        """The batch of a step that was fed."""
        indices = training.shard("batch_size", self._indices.at(step))
        weights = None if self._weights is None else tf.gather(self._weights, indices)
        return Batch(tf.gather(self._points, indices), weights, indices.shape[0])


class DatasetBatches:
    """Batches of a `tf.data.Dataset`, in its order, from its start again at its end."""

    def __init__(self, flow: tfd.Distribution, dataset: tf.data.Dataset) -> None:
        """Reads the first batch, `[B, *event_shape]`; later ones may be smaller.

        Raises:
          TypeError: if its elements are no tensors of the flow's dtype.
          ValueError: if it has no element, or the first one is of another shape, is empty
            or not finite.
        """
        self._flow, self._dataset = flow, dataset
        check_dataset(flow, dataset, "data")
        self._num_read, self.batch_size = 0, None
        batches = self._batches()
        self.first = next(batches)
        self.batch_size = len(self.first)
        self._iterator = itertools.chain([self.first], batches)
        self.max_chunk_size = block_size(self.first.nbytes)
        shape = [self.max_chunk_size, *self.first.shape]
        self._points = tf.Variable(tf.zeros(shape, flow.dtype), trainable=False)
        self._sizes = tf.Variable(tf.zeros(shape[:1], tf.int32), trainable=False)
        self._start = tf.Variable(0, trainable=False)

    def batch(self, step: tf.Tensor) -> Batch:
        """The batch of a step that was fed; what fills it up has a weight of 0."""
        row = step - self._start
        points, size = tf.gather(self._points, row), tf.gather(self._sizes, row)
        counts = tf.range(tf.shape(points)[0]) < size
        weights = tf.cast(counts, points.dtype)
        num_replicas = training.num_replicas()
        if num_replicas > 1:
            points, weights = (training.shard("data", part) for part in (points, weights))
            size = tf.cast(size, points.dtype) / num_replicas
        return Batch(points, weights, size)

    def feed(self, start: int, end: int) -> None:
        """Copies the batches of the steps `start <= step < end`."""
        block = np.zeros(self._points.shape, self._flow.dtype.as_numpy_dtype)
        sizes = np.zeros(self._sizes.shape, np.int32)
        for row in range(end - start):
            points = next(self._iterator)
            # What fills up a smaller batch has to be finite, and does not count.
            block[row] = points[:1]
            block[row, : len(points)] = points
            sizes[row] = len(points)
        self._points.assign(block)
        self._sizes.assign(sizes)
        self._start.assign(start)

    def _batches(self) -> Iterator[np.ndarray]:
        while True:
            num_points = 0
            for points in self._dataset.as_numpy_iterator():
                self._check(points)
                self._num_read += 1
                num_points += len(points)
                if len(points):
                    yield points
            if num_points == 0:
                raise ValueError(
                    f"`data` is a dataset without points, after {self._num_read} batches "
                    "of an earlier pass; it is read from its start again and again."
                )

    def _check(self, points: np.ndarray) -> None:
        name = f"data (batch {self._num_read})"
        check_shape(self._flow, points.shape, name)
        numerics.check_finite_points(points, name)
        if self.batch_size is not None and len(points) > self.batch_size:
            raise ValueError(
                f"`{name}` has {len(points)} points, more than the first batch, of "
                f"{self.batch_size}; batch the dataset with one size."
            )


def check_dataset(flow: tfd.Distribution, dataset: tf.data.Dataset, name: str) -> None:
    """Raises unless the elements of `dataset` are batches of points of the flow's dtype.

    Raises:
      TypeError: if they are no tensors, or of another dtype.
      ValueError: if they are single points.
    """
    spec = dataset.element_spec
    if not isinstance(spec, tf.TensorSpec):
        raise TypeError(
            f"`{name}` must be a dataset of points, but its elements are "
            f"{type(spec).__name__}s; keep the points with .map(lambda x, y: x)."
        )
    check_dtype(flow, spec.dtype, name)
    if spec.shape.rank == flow.event_shape.rank:
        raise ValueError(
            f"`{name}` is a dataset of single points of shape {spec.shape}; batch it "
            "with .batch(256)."
        )


def read_dataset(
    flow: tfd.Distribution, dataset: tf.data.Dataset, name: str
) -> np.ndarray:
    """All points of a finite dataset of batches, as an array `[N, *event_shape]`.

    Raises:
      TypeError: if its elements are no tensors of the flow's dtype.
      ValueError: if it is infinite, empty, or its batches are of another shape.
    """
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            f"`{name}` is an endless dataset; leave out .repeat(), or .take a part."
        )
    check_dataset(flow, dataset, name)
    batches = list(dataset.as_numpy_iterator())
    if not batches:
        raise ValueError(f"`{name}` is a dataset without points.")
    for batch in batches:
        check_shape(flow, batch.shape, name)
    return np.concatenate(batches)
