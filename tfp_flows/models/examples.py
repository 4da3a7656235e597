"""What the examples of a model must be."""

import abc
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfp_flows import numerics


class Examples(abc.ABC):
    """The checks of a batch: of its shape and dtype, and of its values."""

    @abc.abstractmethod
    def check_spec(self, method: str, shape: tf.TensorShape, dtype: tf.DType) -> None:
        """Raises TypeError or ValueError unless batches may be of this shape and dtype.

        Args:
          method: what was called, for the message.
          shape: shape of a batch, or of all examples.
          dtype: their dtype.
        """

    @abc.abstractmethod
    def check_values(self, method: str, values: np.ndarray) -> None:
        """Raises ValueError unless the values of all examples are good."""

    @abc.abstractmethod
    def check_labels(self, method: str, labels: Any) -> None:
        """Raises unless the labels, an array, its spec or `None`, may be there."""

    def check_batch(self, method: str, batch: Any) -> Any:
        """Checks a batch of NumPy arrays, `x`, `(x, y)` or `(x, y, weights)`.

        Returns:
          The batch as Keras takes it.
        """
        x, labels, weights = keras.utils.unpack_x_y_sample_weight(batch)
        self.check_labels(method, labels)
        self.check_array(method, x)
        check_not_empty(method, x)
        if weights is None:
            return batch if isinstance(batch, tuple | list) else (batch,)
        numerics.check_weights(method, weights, len(x))
        return x, no_labels(x) if labels is None else labels, weights

    def check_array(self, method: str, x: Any) -> None:
        """Checks an array of examples whole."""
        if not hasattr(x, "__array__"):
            raise TypeError(
                f"{method} needs one array of examples, but got {type(x).__name__}."
            )
        x = plain_array(method, "data", x)
        self.check_spec(method, tf.TensorShape(x.shape), tf.as_dtype(x.dtype))
        is_symbolic = tf.is_tensor(x) and not hasattr(x, "numpy")
        if not is_symbolic:
            self.check_values(method, np.asarray(x))


class Points(Examples):
    """Points of event size D, finite, without labels."""

    def __init__(self, event_size: int) -> None:
        self._event_size = event_size

    def check_spec(self, method: str, shape: tf.TensorShape, dtype: tf.DType) -> None:
        """As `Examples.check_spec`."""
        if not shape.is_compatible_with([None, self._event_size]):
            raise ValueError(
                f"{method} needs data of shape [N, {self._event_size}], event size "
                f"{self._event_size}, but got shape {shape}."
            )
        _check_floating(method, "data", dtype)

    def check_values(self, method: str, values: np.ndarray) -> None:
        """As `Examples.check_values`."""
        _check_finite(method, "data", values)

    def check_labels(self, method: str, labels: Any) -> None:
        """As `Examples.check_labels`."""
        if labels is not None and np.size(labels):
            raise ValueError(
                f"{method} got labels, but a flow models points alone; pass x only (for "
                "a dataset, of elements x, (x,) or (x, None, weights))."
            )


class Pairs(Examples):
    """Conditions x of one shape with points y of event size D, all finite."""

    def __init__(self, x_shape: Sequence[int], event_size: int) -> None:
        self._x_shape, self._event_size = tuple(x_shape), event_size

    def check_spec(self, method: str, shape: tf.TensorShape, dtype: tf.DType) -> None:
        """As `Examples.check_spec`, of x."""
        if not shape.is_compatible_with([None, *self._x_shape]):
            raise ValueError(
                f"{method} needs x of shape [N, {', '.join(map(str, self._x_shape))}], "
                f"but got shape {shape}."
            )
        _check_floating(method, "x", dtype)

    def check_values(self, method: str, values: np.ndarray) -> None:
        """As `Examples.check_values`, of x."""
        _check_finite(method, "x", values)

    def check_labels(self, method: str, labels: Any) -> None:
        """As `Examples.check_labels`: y, as an array or its spec, must be there."""
        is_spec = isinstance(labels, tf.TensorSpec)
        if not (is_spec or hasattr(labels, "__array__")):
            found = None if labels is None else type(labels).__name__
            raise ValueError(
                f"{method} needs an array y beside x, or batches (x, y), but got y = "
                f"{found}."
            )
        labels = labels if is_spec else plain_array(method, "y", labels)
        shape, size = tf.TensorShape(labels.shape), self._event_size
        is_vector = size == 1 and shape.rank == 1
        if not (is_vector or shape.is_compatible_with([None, size])):
            raise ValueError(
                f"{method} needs y of shape [N, {size}], event size {size}, but got "
                f"shape {shape}."
            )
        _check_floating(method, "y", tf.as_dtype(labels.dtype))
        if not is_spec:
            _check_finite(method, "y", np.asarray(labels))

    def check_beside(self, batch: tf.TensorShape, shape: tf.TensorShape) -> None:
        """Raises ValueError unless points y broadcast against a batch `[B]` of x."""
        if shape.rank is None:
            return
        sizes = {*shape[-2:-1], *batch} - {1, None}
        # By its own axis, y does not broadcast.
        if not (len(sizes) < 2 and shape[-1:].is_compatible_with([self._event_size])):
            raise ValueError(
                f"log_prob needs y of shape [..., B, {self._event_size}] for B = "
                f"{batch[0]} conditions x, but got shape {shape}."
            )


def _check_floating(method: str, name: str, dtype: tf.DType) -> None:
    if not dtype.is_floating:
        array = "x" if name == "data" else name
        advice = f"cast them, for example with {array}.astype('float32')."
        if dtype.is_complex:
            advice = "pass real and imaginary parts as numbers of their own."
        raise TypeError(
            f"{method} needs floating-point {name}, but got {dtype.name}; {advice}"
        )


def _check_finite(method: str, name: str, values: np.ndarray) -> None:
    is_bad = ~np.isfinite(values).all(axis=tuple(range(1, np.ndim(values))))
    if np.any(is_bad):
        raise ValueError(
            f"{method} got {name} that are NaN or infinite in {np.sum(is_bad)} of "
            f"{len(is_bad)} points, the first at index {np.argmax(is_bad)}; leave "
            "them out, or mend them."
        )


def plain_array(method: str, name: str, values: Any) -> Any:
    """`values` as a dense `Tensor`, or as a NumPy array of numbers without a mask.

    Raises:
      TypeError: if they are no dense array of numbers, or have a mask.
    """
    if isinstance(values, tf.SparseTensor | tf.RaggedTensor):
        raise TypeError(
            f"{method} needs {name} as a dense array, but got a "
            f"{type(values).__name__}; convert it with tf.sparse.to_dense or to_tensor()."
        )
    if tf.is_tensor(values):
        return values
    numerics.check_not_masked(method, name, values)
    values = numerics.as_array(name, values)
    if values.dtype.kind in "OSUMmV":
        raise TypeError(
            f"{method} needs {name} of numbers, but got an array of dtype "
            f"{values.dtype}; make it one of numbers, its rows of one length."
        )
    return values


def as_tensor(method: str, name: str, values: Any, dtype: tf.DType | str) -> tf.Tensor:
    """`values`, an array of real numbers, as a `Tensor` of a floating dtype.

    Raises:
      TypeError: if they are no dense array of real numbers, or have a mask.
    """
    values = plain_array(method, name, values)
    given = tf.as_dtype(values.dtype)
    if given.is_complex or given == tf.string:
        raise TypeError(f"{method} needs {name} of real numbers, but got {given.name}.")
    return tf.cast(values, dtype)


def check_not_empty(method: str, x: Any) -> None:
    """Raises ValueError if an array has no examples."""
    if len(x) == 0:
        raise ValueError(
            f"{method} got no examples, but an array of shape {tuple(x.shape)}."
        )


def no_labels(x: Any) -> np.ndarray:
    """Labels of no numbers, as Keras takes no weights, or drops them, without labels."""
    return np.empty([len(x), 0], np.float32)
