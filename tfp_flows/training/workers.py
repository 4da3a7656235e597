"""The processes of a `tf.distribute.MultiWorkerMirroredStrategy`, which act alike."""

import contextlib
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

# What collectives raise when a process that they wait for is gone.
_LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)
# Numbers of a digest, 16 bits each, of which sums are exact.
_DIGEST = 8


class Workers:
    """The workers of a fit, of which this process is one; or it alone.

    Attributes:
      are_many: whether there are others.
      is_chief: whether this one writes what all share: worker 0, or the chief.
      index: place among all.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None) -> None:
        """Takes the strategy; one of a single process, or none, is this process alone."""
        self._strategy: Any = strategy
        self.index, self._size = 0, 1
        if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            resolver = strategy.cluster_resolver
            spec = resolver.cluster_spec().as_dict()
            tasks = [
                (job, task)
                for job in ("chief", "worker")
                for task in range(len(spec.get(job, [])))
            ]
            if len(tasks) > 1:
                self._size = len(tasks)
                self.index = tasks.index((resolver.task_type, resolver.task_id))
        self.are_many, self.is_chief = self._size > 1, self.index == 0

    def any(self, flag: bool) -> bool:
        """Whether `flag` is true of one of them; all have to ask."""
        return bool(np.any(self._gather([float(flag)])))

    def check_same(self, parts: Mapping[str, bytes]) -> None:
        """Raises ValueError, on all of them, if a part is not the same on all.

        Args:
          parts: what must be the same, by names, which are the same on all.
        """
        if not self.are_many:
            return
        digests = [
            np.frombuffer(hashlib.sha256(part).digest(), np.uint16)[:_DIGEST]
            for part in parts.values()
        ]
        table = self._gather(np.concatenate(digests).astype(float))
        is_other = np.any(table != table[0], axis=0).reshape(len(parts), _DIGEST)
        others = [name for name, bad in zip(parts, is_other, strict=True) if np.any(bad)]
        if others:
            which = np.flatnonzero(np.any(table != table[0], axis=1))
            raise ValueError(
                f"The workers have other {' and '.join(others)} (worker "
                f"{', '.join(map(str, which))} against worker 0): start all with the "
                "same code, data and arguments, `seed`s included."
            )

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """A context in which the loss of another worker is a RuntimeError."""
        try:
            yield
        except _LOST as error:
            if not self.are_many:
                raise
            # "/job:worker/replica:0/task:1 ..." or "... from /job:worker/task:1: ..."
            found = re.findall(r"/job:(\w+)/(?:replica:\d+/)?task:(\d+)", str(error))
            lost = {" ".join(task) for task in found}
            raise RuntimeError(
                f"Worker {self.index} of {self._size} cannot go on: a collective failed, "
                f"as another worker ({', '.join(sorted(lost)) or 'unknown'}) was lost or "
                "has stopped. Start the same command again on all; with a "
                "`checkpoint_dir` that all see, it goes on from there."
            ) from error

    def _gather(self, values: Sequence[float] | np.ndarray) -> np.ndarray:
        """The numbers of each of them, `[W, n]`."""
        table = np.zeros([self._size, len(values)])
        table[self.index] = values
        if not self.are_many:
            return table
        total = _total(self._strategy, tf.constant(table))
        replicas = self._strategy.num_replicas_in_sync // self._size
        return np.round(total.numpy() / replicas)


@tf.function(autograph=False, reduce_retracing=True)
def _total(strategy: tf.distribute.Strategy, values: tf.Tensor) -> tf.Tensor:
    of_replicas = strategy.run(tf.identity, args=(values,))
    return strategy.reduce(tf.distribute.ReduceOp.SUM, of_replicas, axis=None)
