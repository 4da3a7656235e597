"""Data in rows that are read from files, or made, as they are needed."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows import numerics

_CHANGED = (
    "`data` is a dataset whose passes have not the same number of rows: each must give "
    "all of them anew; of a generator, from_generator takes a function that makes one."
)


class RowStream:
    """N observations, read by passes over a `tf.data.Dataset`, in constant memory.

    Attributes:
      dtype: `tf.DType` of all that are floating-point.
    """

    def __init__(self, dataset: tf.data.Dataset, dtype: tf.DType) -> None:
        """Takes a dataset, and counts and checks its rows by a first pass.

        Args:
          dataset: finite, of batches of rows: of a structure of `Tensor`s `[B, ...]`,
            with another B for each if need be. Each pass has the same rows, in any order.
          dtype: floating dtype.

        Raises:
          TypeError: if an element is no structure of dense tensors of numbers.
          ValueError: if it is endless or has no rows, a shape is not known or that of a
            single row, parts of a batch have not the same number of rows, or a number is
            NaN or infinite.
        """
        self.dtype = dtype
        for spec in tf.nest.flatten(dataset.element_spec):
            _check_spec(spec)
        if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise ValueError(
                "`data` is an endless dataset; leave out .repeat(): a fit reads it again "
                "at its end."
            )
        dataset = dataset.map(_caster(dataset.element_spec, dtype))
        self._dataset = dataset.prefetch(tf.data.AUTOTUNE)
        sizes = [_size(rows) for rows in self._read(self._dataset)]
        self._size = sum(sizes)
        if self._size == 0:
            raise ValueError("`data` is a dataset without rows; it needs at least one.")
        self._largest = max(sizes)

    def __len__(self) -> int:
        """N."""
        return self._size

    def take(self, indices: np.ndarray) -> Any:
        """Some rows, a structure of `Tensor`s `[B, ...]`, by one pass at most.

        Args:
          indices: `[B]`, increasing.
        """
        first, found = 0, []
        for rows in self._pass(self._dataset):
            within = indices[(indices >= first) & (indices < first + _size(rows))] - first
            found.append(tf.nest.map_structure(lambda part, of=within: part[of], rows))
            first += _size(rows)
            if first > indices[-1]:
                break
        return tf.nest.map_structure(
            lambda *parts: tf.constant(np.concatenate(parts)), *found
        )

    def dataset(self, batch_size: int, seed: int | None = None) -> tf.data.Dataset:
        """As `Rows.dataset`, but for the order, which is that of the dataset always."""
        if seed is None:
            # TensorFlow does not know it: it gives that before `rebatch`, scaled.
            num_batches = -(-self._size // batch_size)
            known = tf.data.experimental.assert_cardinality(num_batches)
            return self._dataset.rebatch(batch_size).apply(known)
        return self._dataset.repeat().rebatch(batch_size, drop_remainder=True)

    def batches(self, batch_size: int) -> Iterator[Any]:
        """Batches of B rows without end, structures of arrays, in the dataset's order.

        What is left at the end of a pass begins the first batch of the next one: all rows
        are seen equally often.
        """
        dataset, left = self._dataset.rebatch(batch_size), None
        while True:
            for rows in self._pass(dataset):
                if left is not None:
                    rows = tf.nest.map_structure(
                        lambda *parts: np.concatenate(parts), left, rows
                    )
                if _size(rows) >= batch_size:
                    yield tf.nest.map_structure(lambda part: part[:batch_size], rows)
                    rows = tf.nest.map_structure(lambda part: part[batch_size:], rows)
                left = rows

    def total(
        self, of_rows_fn: Callable[[Any], tf.Tensor], shape: list[int], most_rows: int
    ) -> tf.Tensor:
        """The sum over all rows of what a function returns for some.

        Args:
          of_rows_fn: callable, from rows, a structure of `Tensor`s `[B, ...]`, to a
            `Tensor` of `shape`, their sum.
          shape: of the sum.
          most_rows: most rows to take at once.

        Returns:
          `float64` `Tensor` of `shape`.

        Raises:
          ValueError: if a pass has another number of rows than the first one; in a graph
            `InvalidArgumentError`, when it runs.
        """
        dataset = self._dataset
        if most_rows < self._largest:
            dataset = dataset.rebatch(max(1, most_rows))

        @tf.autograph.experimental.do_not_convert
        def add(state: tuple[tf.Tensor, tf.Tensor], rows: Any) -> tuple:
            total, num_rows = state
            size = tf.shape(tf.nest.flatten(rows)[0], tf.int64)[0]
            return total + tf.cast(of_rows_fn(rows), tf.float64), num_rows + size

        first = tf.zeros(shape, tf.float64), tf.zeros([], tf.int64)
        total, num_rows = dataset.reduce(first, add)
        if tf.executing_eagerly():
            self._check_size(int(num_rows))
            return total
        is_same = tf.debugging.assert_equal(
            num_rows, tf.cast(self._size, tf.int64), _CHANGED
        )
        with tf.control_dependencies([is_same]):
            return tf.identity(total)

    def _check_size(self, num_rows: int) -> None:
        if num_rows != self._size:
            raise ValueError(
                f"{_CHANGED} It had {self._size} at first, and {num_rows} now."
            )

    def _pass(self, dataset: tf.data.Dataset) -> Iterator[Any]:
        """One pass, of as many rows as the first."""
        num_rows = 0
        for rows in self._read(dataset):
            num_rows += _size(rows)
            yield rows
        self._check_size(num_rows)

    def _read(self, dataset: tf.data.Dataset) -> Iterator[Any]:
        for index, rows in enumerate(dataset.as_numpy_iterator()):
            sizes = [len(part) for part in tf.nest.flatten(rows)]
            if len(set(sizes)) > 1:
                raise ValueError(
                    f"The parts of a batch of `data` must have the same number of rows, "
                    f"but those of batch {index} have {', '.join(map(str, sizes))}."
                )
            for part in tf.nest.flatten(rows):
                if part.dtype.kind == "f":
                    numerics.check_finite_points(part, f"data (batch {index})")
            yield rows


def _caster(structure: Any, dtype: tf.DType) -> Callable:
    """A function of an element to the same with floating-point parts of a dtype."""

    @tf.autograph.experimental.do_not_convert
    def cast(*element: Any) -> Any:
        parts = [
            tf.cast(part, dtype) if part.dtype.is_floating else part
            for part in tf.nest.flatten(element)
        ]
        return tf.nest.pack_sequence_as(structure, parts)

    return cast


def _check_spec(spec: Any) -> None:
    is_numeric = isinstance(spec, tf.TensorSpec) and (
        spec.dtype.is_floating or spec.dtype.is_integer or spec.dtype.is_bool
    )
    if not is_numeric:
        raise TypeError(
            "`data` must be a dataset of batches of rows, of dense tensors of numbers, "
            f"but has a part {spec}; leave it out, or convert it, with .map."
        )
    if spec.shape.rank == 0:
        raise ValueError(
            "`data` must be a dataset of batches of rows, but has scalars in it, as one "
            "of single rows; batch it with .batch(1_000)."
        )
    if spec.shape.rank is None or not spec.shape[1:].is_fully_defined():
        raise ValueError(
            f"`data` must be a dataset whose elements have known shapes [None, ...], but "
            f"has a part of shape {spec.shape}; say it by the `output_signature` of "
            "from_generator, or by tf.ensure_shape in a .map."
        )


def _size(rows: Any) -> int:
    return len(tf.nest.flatten(rows)[0])
