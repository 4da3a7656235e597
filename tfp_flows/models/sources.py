"""Every source of examples that Keras takes, checked before a step sees them.

Arrays and frames are checked whole, before any work; datasets by what they say of their
elements, and, like other sources, batch by batch in the input pipeline, as XLA drops
the assertions of a compiled step.
"""

import contextlib
import re
import types
from collections.abc import Iterator
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.models.examples import (
    Examples,
    check_not_empty,
    no_labels,
    plain_array,
)

Data: TypeAlias = tuple[Any, Any, Any]


def checked(
    method: str,
    examples: Examples,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
) -> Data:
    """The arguments `x`, `y` and `sample_weight` of `fit` or `evaluate`, checked.

    Args:
      method: what was called, for the messages.
      examples: what is asked of them.
      x: array, frame, `tf.data.Dataset`, `keras.utils.PyDataset` or generator.
      y: labels, beside an array.
      sample_weight: weights, beside an array.

    Returns:
      `x`, `y` and `sample_weight` for Keras.

    Raises:
      TypeError: if `x` is of another kind or dtype.
      ValueError: if a shape or value is wrong, labels are not wanted, or they or weights
        are given beside a source that has its own.
    """
    is_array = hasattr(x, "__array__")
    if is_array or y is not None:
        examples.check_labels(method, y)
    if is_array:
        examples.check_array(method, x)
        x = plain_array(method, "data", x)
        check_not_empty(method, x)
        if y is not None and len(y) != len(x):
            raise ValueError(
                f"{method} needs as many y as x, but got {len(y)} of {len(x)}."
            )
        if sample_weight is not None:
            sample_weight = numerics.check_weights(
                method, sample_weight, len(x), are_all=True
            )
            y = no_labels(x) if y is None else y
        return x, y, sample_weight
    if isinstance(x, tf.data.Dataset):
        x = _checked_dataset(method, examples, x)
    elif isinstance(x, keras.utils.PyDataset):
        x = _CheckedPyDataset(method, examples, x)
    elif isinstance(x, types.GeneratorType):
        x = _checked_batches(method, examples, x)
    else:
        raise TypeError(
            f"{method} takes an array, a data frame, a tf.data.Dataset, a keras.utils."
            f"PyDataset or a generator of batches, but got {type(x).__name__}; make it "
            "one of these, for example with np.asarray(x)."
        )
    return x, y, sample_weight  # Keras refuses y and weights beside these


def checked_batches(
    method: str, examples: Examples, x: Any, y: Any
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The batches of x, and those of y, of two arrays or of a dataset, checked.

    Raises:
      TypeError, ValueError: as of `checked`.
    """
    if not (hasattr(x, "__array__") or isinstance(x, tf.data.Dataset)):
        raise TypeError(
            f"{method} takes arrays x and y, or a tf.data.Dataset of batches (x, y), but "
            f"got {type(x).__name__}."
        )
    x, y, _ = checked(method, examples, x, y)
    if hasattr(x, "__array__"):
        return [x], [y]
    with pipeline_errors():
        pairs = [keras.utils.unpack_x_y_sample_weight(batch)[:2] for batch in x]
    return [x for x, _ in pairs], [y for _, y in pairs]


@contextlib.contextmanager
def pipeline_errors() -> Iterator[None]:
    """Makes a ValueError of what TensorFlow reports of one in the input pipeline."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        found = re.search("ValueError: (.*)", error.message)
        if found is None:
            raise
        raise ValueError(found.group(1)) from error


def _checked_dataset(
    method: str, examples: Examples, dataset: tf.data.Dataset
) -> tf.data.Dataset:
    spec = dataset.element_spec
    x, labels, _ = keras.utils.unpack_x_y_sample_weight(spec)
    if not isinstance(x, tf.TensorSpec):
        raise TypeError(
            f"{method} needs a dataset of one array of examples, x, (x,), (x, y) or (x, "
            f"y, weights), but its elements are {spec}."
        )
    if dataset.cardinality() == 0:
        raise ValueError(f"{method} got no examples, but a dataset without batches.")
    # TensorFlow's spec of None is an object of its own.
    if labels == tf.type_spec_from_value(None):
        labels = None
    examples.check_labels(method, labels)
    examples.check_spec(method, x.shape, x.dtype)

    def check(x: np.ndarray, labels: np.ndarray, *weights: np.ndarray) -> bool:
        check_not_empty(method, x)
        examples.check_values(method, x)
        if np.size(labels):
            examples.check_labels(method, labels)
        for values in weights:
            numerics.check_weights(method, values, len(x))
        return True

    def checked_element(*element: tf.Tensor) -> Any:
        x, labels, weights = keras.utils.unpack_x_y_sample_weight(element)
        has_labels = isinstance(labels, tf.Tensor)
        arrays = [x, labels if has_labels else tf.zeros([0])]
        arrays += [] if weights is None else [weights]
        with tf.control_dependencies([tf.numpy_function(check, arrays, tf.bool)]):
            x = tf.identity(x)
        return (x, *element[1:]) if isinstance(spec, tuple) else x

    return dataset.map(checked_element)


class _CheckedPyDataset(keras.utils.PyDataset):
    """Another `PyDataset`, whose batches are checked."""

    def __init__(
        self, method: str, examples: Examples, source: keras.utils.PyDataset
    ) -> None:
        super().__init__(
            source.workers, source.use_multiprocessing, source.max_queue_size
        )
        self._method, self._examples, self._source = method, examples, source

    @property
    def num_batches(self) -> int | None:
        return self._source.num_batches

    def __getitem__(self, index: int) -> Any:
        return self._examples.check_batch(self._method, self._source[index])

    def on_epoch_begin(self) -> None:
        self._source.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self._source.on_epoch_end()


def _checked_batches(
    method: str, examples: Examples, batches: Iterator[Any]
) -> Iterator[Any]:
    for batch in batches:
        yield examples.check_batch(method, batch)
