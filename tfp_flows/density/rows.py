"""Data in rows: arrays of one length, of which a model sees some rows at a time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows import numerics


class Rows:
    """N observations: a structure of `Tensor`s `[N, ...]`.

    Attributes:
      dtype: `tf.DType` of all that are floating-point.
    """

    def __init__(self, data: Any, dtype: tf.DType) -> None:
        """Takes arrays, and casts those of floating-point numbers.

        Args:
          data: array `[N, ...]`, or a tuple, `dict` or other structure of arrays of the
            same N: features and labels, for example. A list is one array.
          dtype: floating dtype.

        Raises:
          TypeError: if a part is no array of numbers.
          ValueError: if there are no rows, the parts have not the same number of them, or
            a number is NaN or infinite.
        """
        self.dtype = dtype
        data = np.asarray(data) if isinstance(data, list) else data
        parts = [self._part(part) for part in tf.nest.flatten(data)]
        sizes = [len(part) for part in parts]
        if not parts or min(sizes) == 0:
            raise ValueError("`data` has no rows; pass at least one.")
        if len(set(sizes)) > 1:
            raise ValueError(
                "The arrays of `data` must have the same number of rows, but have "
                f"{', '.join(map(str, sizes))}."
            )
        self._size = sizes[0]
        self._parts = tf.nest.pack_sequence_as(data, list(map(tf.constant, parts)))

    def __len__(self) -> int:
        """N."""
        return self._size

    def take(self, indices: tf.Tensor | np.ndarray) -> Any:
        """Some rows, a structure of `Tensor`s `[B, ...]`."""
        return tf.nest.map_structure(lambda part: tf.gather(part, indices), self._parts)

    def dataset(self, batch_size: int, seed: int | None = None) -> tf.data.Dataset:
        """Batches of B rows: in their order, once; or for training, without end.

        Args:
          batch_size: B.
          seed: of another order in each pass, of which what is left at the end of a pass
            begins the first batch of the next one; `None` is one pass in the order of the
            rows, whose last batch may be smaller.
        """
        if seed is None:
            indices = tf.data.Dataset.range(self._size)
        else:
            # Not Dataset.shuffle: its iterators share one generator of seeds, and one
            # that has looked ahead into the next pass changes the order of the others.
            indices = tf.data.Dataset.counter().flat_map(
                lambda index: tf.data.Dataset.from_tensor_slices(self._order(seed, index))
            )
        indices = indices.batch(batch_size, drop_remainder=seed is not None)
        return indices.map(self.take).prefetch(tf.data.AUTOTUNE)

    def _order(self, seed: int, index: tf.Tensor) -> tf.Tensor:
        """That of the rows in a pass, `[N]`."""
        key = tf.stack([tf.constant(seed, tf.int64), index])
        order = tf.range(self._size, dtype=tf.int64)
        return tf.random.experimental.stateless_shuffle(order, key)

    def total(
        self, of_rows_fn: Callable[[Any], tf.Tensor], shape: list[int], most_rows: int
    ) -> tf.Tensor:
        """The sum over all rows of what a function returns for some of them.

        Args:
          of_rows_fn: function of rows, as `take` returns them, to a `Tensor`.
          shape: of that.
          most_rows: so many rows at most are looked at together.

        Returns:
          `float64` `Tensor`: in float32, a sum over a million rows would be rounded by
          some hundredths.
        """
        size = min(max(1, most_rows), self._size)
        num_blocks, rest = divmod(self._size, size)

        def of_block(start: tf.Tensor | int, size: int) -> tf.Tensor:
            rows = tf.nest.map_structure(
                lambda part: tf.slice(
                    part,
                    tf.pad([start], [[0, part.shape.rank - 1]]),
                    [size, *part.shape[1:]],
                ),
                self._parts,
            )
            return tf.cast(of_rows_fn(rows), tf.float64)

        def body(index: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return index + 1, total + of_block(index * size, size)

        first = tf.constant(0), tf.zeros(shape, tf.float64)
        _, total = tf.while_loop(
            lambda index, _: index < num_blocks, body, first, parallel_iterations=1
        )
        return total + of_block(self._size - rest, rest) if rest else total

    def _part(self, part: Any) -> np.ndarray:
        numerics.check_not_masked("A posterior", "`data`", part)
        array = np.asarray(part)
        if array.dtype.kind not in "fiub" or array.ndim == 0:
            raise TypeError(
                "`data` must be an array of numbers [N, ...], or a tuple or dict of "
                f"such, but has a part of dtype {array.dtype} and shape {array.shape}."
            )
        if array.dtype.kind == "f":
            with np.errstate(over="ignore"):
                array = array.astype(self.dtype.as_numpy_dtype, copy=False)
            numerics.check_finite_points(array, "data")
        return array
