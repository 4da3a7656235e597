"""A posterior as the batches of its rows say, step by step."""

import copy
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics, training
from tfp_flows.density import Density, RowwisePosterior
from tfp_flows.vi.epochs import EpochIndices


class RowBatches:
    """The estimates of a posterior by B of its rows, others at each step.

    Attributes:
      batch_size: B.
      max_chunk_size: most steps that can be fed at once, after `bind`.
    """

    max_chunk_size: int
    _indices: EpochIndices

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

    def bind(self, seed: tf.Tensor) -> "RowBatches":
        """With an order of the rows by the seed of a fit; step 0 is fed."""
        bound = copy.copy(self)
        seed = tfp.random.split_seed(seed, n=1, salt="rows")[0]
        bound._indices = EpochIndices(len(self._posterior.rows), self.batch_size, seed)
        bound.max_chunk_size = bound._indices.max_chunk_size
        bound.feed(0, 1)
        return bound

    def density_at(self, step: tf.Tensor) -> Density:
        """What the batch of a step that was fed says, or this replica's part of it."""
        indices = training.shard("batch_size", self._indices.at(step))
        rows = self._posterior.rows.take(indices)
        return self._posterior.density_of(rows)

    def feed(self, start: int, end: int) -> None:
        """Draws the batches of the steps `start <= step < end`."""
        self._indices.feed(start, end)
