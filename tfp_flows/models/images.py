"""Images as the model takes them: checked, and made binary."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfp_flows.models.examples import Examples

_BINARIZATIONS = ("dynamic", "fixed", None)


def check_binarization(binarization: str | None) -> str | None:
    """Returns `binarization` if it is a known one, or raises ValueError."""
    if binarization not in _BINARIZATIONS:
        raise ValueError(
            f"Unknown binarization {binarization!r}; the known ones are "
            f"{', '.join(map(repr, _BINARIZATIONS))}."
        )
    return binarization


class Images(Examples):
    """Images of one shape, with values in [0, 1]."""

    def __init__(self, image_shape: Sequence[int]) -> None:
        self._image_shape = tuple(image_shape)

    def check_spec(self, method: str, shape: tf.TensorShape, dtype: tf.DType) -> None:
        """As `Examples.check_spec`; floating-point or boolean."""
        if not (dtype.is_floating or dtype.is_bool):
            raise TypeError(
                f"FlowVAE takes images with values in [0, 1], but got {dtype.name}; "
                'divide bytes by 255: (images / 255.0).astype("float32").'
            )
        if not shape.is_compatible_with([None, *self._image_shape]):
            raise ValueError(
                f"This FlowVAE takes images of shape {self._image_shape}, an array [N, "
                f"{', '.join(map(str, self._image_shape))}], but got shape {shape}; "
                "reshape the images, or build the model with their image_shape."
            )

    def check_values(self, method: str, values: np.ndarray) -> None:
        """As `Examples.check_values`."""
        if values.size and not (np.min(values) >= 0 and np.max(values) <= 1):
            raise ValueError(
                "FlowVAE takes images with values in [0, 1], but got values from "
                f"{np.min(values)} to {np.max(values)}; rescale them, bytes by dividing "
                "by 255."
            )

    def check_labels(self, method: str, labels: object) -> None:
        """As `Examples.check_labels`; those of data sets of images may stay."""


def binarize(
    images: tf.Tensor, binarization: str | None, seed: tf.Tensor | None = None
) -> tf.Tensor:
    """Binary images from intensities.

    Args:
      images: `Tensor` of any shape, floating, with values in [0, 1].
      binarization: "dynamic", 1 with the intensity as probability; "fixed", 1 above 0.5;
        or `None`, the images as they are.
      seed: stateless seed for "dynamic".

    Returns:
      `Tensor` of the shape and dtype of `images`.
    """
    if binarization is None:
        return images
    threshold = 0.5
    if binarization == "dynamic":
        # In [0, 1): an intensity of 0 is always 0, one of 1 always 1, so that images
        # which are binary already stay what they are.
        threshold = tf.random.stateless_uniform(
            tf.shape(images), seed, dtype=images.dtype
        )
    return tf.cast(images > threshold, images.dtype)
