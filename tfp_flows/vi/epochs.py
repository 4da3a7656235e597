"""Which rows of an array each step of a compiled loop sees."""

import numpy as np
import tensorflow as tf

# What the steps of one call need of the data is copied into the compiled loop before, in
# a block of at most so many bytes: a call per batch would cost more than the step.
_BLOCK_BYTES = 2**22


def block_size(batch_bytes: int) -> int:
    """How many steps may follow between two blocks."""
    return max(1, _BLOCK_BYTES // batch_bytes)


class EpochIndices:
    """Batches of the indices 0 to N - 1: epochs in random order without replacement.

    Which ones a step sees is a function of seed and step alone, with XLA or without. The
    last of an epoch that do not fill a batch are left out; the next epoch has another
    order. Orders are drawn by NumPy: XLA would sort random keys for that, which for 9,000
    points takes as long as 200 training steps, and more than an epoch has.

    Attributes:
      max_chunk_size: most steps that can be fed at once.
    """

    def __init__(self, size: int, batch_size: int, seed: tf.Tensor) -> None:
        """Takes N, the size B <= N and a stateless seed."""
        self._size, self._batch_size = size, batch_size
        self._seed = [int(part) & 0xFFFFFFFF for part in seed]
        self._steps_per_epoch = size // batch_size
        self._epoch: int | None = None
        self.max_chunk_size = block_size(4 * batch_size)
        block = tf.zeros([self.max_chunk_size, batch_size], tf.int32)
        self._indices = tf.Variable(block, trainable=False)
        self._start = tf.Variable(0, trainable=False)

    def at(self, step: tf.Tensor) -> tf.Tensor:
        """Those of a step that was fed, `[B]`."""
        # Not self._indices[row]: XLA would compile a slice anew at every call.
        return tf.gather(self._indices, step - self._start)

    def feed(self, start: int, end: int) -> None:
        """Draws those of the steps `start <= step < end`."""
        block = np.zeros(self._indices.shape, np.int32)
        for row, step in enumerate(range(start, end)):
            block[row] = self._at(step)
        self._indices.assign(block)
        self._start.assign(start)

    def _at(self, step: int) -> np.ndarray:
        epoch, position = divmod(step, self._steps_per_epoch)
        if epoch != self._epoch:
            rng = np.random.default_rng([*self._seed, epoch])
            self._epoch, self._order = epoch, rng.permutation(self._size)
        first = position * self._batch_size
        return self._order[first : first + self._batch_size]
