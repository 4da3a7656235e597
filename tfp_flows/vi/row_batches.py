"""A posterior as the batches of its rows say, step by step."""

import copy
import itertools
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics, training
from tfp_flows.density import Density, Rows, RowStream, RowwisePosterior
from tfp_flows.vi.epochs import EpochIndices, block_size


class _DrawnRows:
    """B rows of arrays at each step, by `EpochIndices`."""

    def __init__(self, rows: Rows, batch_size: int, seed: tf.Tensor) -> None:
        self._rows = rows
        self._indices = EpochIndices(len(rows), batch_size, seed)
        self.max_chunk_size = self._indices.max_chunk_size
        self.feed = self._indices.feed

    def at(self, step: tf.Tensor) -> Any:
        """Those of a step that was fed, or this replica's part of them."""
        return self._rows.take(training.shard("batch_size", self._indices.at(step)))


class _StreamedRows:
    """B rows of a dataset at each step, in its order."""

    def __init__(self, stream: RowStream, batch_size: int) -> None:
        batches = stream.batches(batch_size)
        self._structure = first = next(batches)
        # Fed twice: to be looked at before the fit, and to its first step.
        self._batches = itertools.chain([first, first], batches)
        parts = tf.nest.flatten(first)
        self.max_chunk_size = block_size(sum(part.nbytes for part in parts))
        self._blocks = [
            tf.Variable(tf.zeros([self.max_chunk_size, *part.shape], part.dtype))
            for part in parts
        ]
        self._start = tf.Variable(0)

    def at(self, step: tf.Tensor) -> Any:
        """Those of a step that was fed, or this replica's part of them."""
        row = step - self._start
        parts = [
            training.shard("batch_size", tf.gather(block, row)) for block in self._blocks
        ]
        return tf.nest.pack_sequence_as(self._structure, parts)

    def feed(self, start: int, end: int) -> None:
        """Copies the next rows, for the steps `start <= step < end`."""
        read = [tf.nest.flatten(next(self._batches)) for _ in range(start, end)]
        for index, block in enumerate(self._blocks):
            values = np.zeros(block.shape, block.dtype.as_numpy_dtype)
            for row, parts in enumerate(read):
                values[row] = parts[index]
            block.assign(values)
        self._start.assign(start)


class RowBatches:
    """The estimates of a posterior by B of its rows, others at each step.

    Attributes:
      batch_size: B.
      are_functions_of_step: whether the rows of a step do not depend on those before.
      max_chunk_size: most steps that can be fed at once, after `bind`.
    """

    max_chunk_size: int
    _rows: _DrawnRows | _StreamedRows

    def __init__(self, posterior: Any, batch_size: Any) -> None:
        """Takes a `RowwisePosterior` and B.

        Raises:
          TypeError: if it is none.
          ValueError: if B is no integer of at least 1, or there are fewer rows.
        """
        self.batch_size = numerics.check_size("batch_size", batch_size)
        if not isinstance(posterior, RowwisePosterior):
            raise TypeError(
                "`batch_size` is for a target with rows of data, a tff.density."
                f"RowwisePosterior, but the target is {posterior!r}."
            )
        if self.batch_size > len(posterior.rows):
            raise ValueError(
                f"`batch_size` is {batch_size}, but the posterior only has "
                f"{len(posterior.rows)} rows; pass fewer, or None for all at each step."
            )
        self._posterior = posterior
        self.are_functions_of_step = isinstance(posterior.rows, Rows)

    def bind(self, seed: tf.Tensor) -> "RowBatches":
        """With an order of the rows by the seed of a fit, or that of the dataset.

        Step 0 is fed.
        """
        bound = copy.copy(self)
        rows = self._posterior.rows
        if isinstance(rows, RowStream):
            bound._rows = _StreamedRows(rows, self.batch_size)
        else:
            seed = tfp.random.split_seed(seed, n=1, salt="rows")[0]
            bound._rows = _DrawnRows(rows, self.batch_size, seed)
        bound.max_chunk_size = bound._rows.max_chunk_size
        bound.feed(0, 1)
        return bound

    def density_at(self, step: tf.Tensor) -> Density:
        """What the batch of a step that was fed says, or this replica's part of it."""
        return self._posterior.density_of(self._rows.at(step))

    def feed(self, start: int, end: int) -> None:
        """Draws or reads the batches of the steps `start <= step < end`."""
        self._rows.feed(start, end)

    def settings(self) -> dict[str, Any]:
        """What a result and a checkpoint know of them, as plain values."""
        num_rows = len(self._posterior.rows)
        return dict(batch_size=self.batch_size, num_rows=num_rows)
