"""Images as the model takes them: checked, and made binary."""

import numpy as np
import tensorflow as tf

_BINARIZATIONS = ("dynamic", "fixed", None)


def check_binarization(binarization):
    """Returns `binarization` if it is a known one, or raises ValueError."""
    if binarization not in _BINARIZATIONS:
        raise ValueError(
            f"Unknown binarization {binarization!r}; the known ones are "
            f"{', '.join(map(repr, _BINARIZATIONS))}."
        )
    return binarization


def check_images(images, image_shape):
    """Raises unless `images` are `[N, *image_shape]` with values in [0, 1].

    Values are looked at where they are at hand: of arrays and eager tensors.

    Args:
      images: array or `Tensor`.
      image_shape: tuple.

    Raises:
      TypeError: if they are not floating-point or boolean.
      ValueError: if the shape or a value is wrong.
    """
    dtype = tf.as_dtype(images.dtype)
    if not (dtype.is_floating or dtype.is_bool):
        raise TypeError(
            f"FlowVAE takes images with values in [0, 1], but got {dtype.name}; divide "
            'bytes by 255: (images / 255.0).astype("float32").'
        )
    shape = tf.TensorShape(images.shape)
    if not shape.is_compatible_with([None, *image_shape]):
        raise ValueError(
            f"This FlowVAE takes images of shape {tuple(image_shape)}, an array [N, "
            f"{', '.join(map(str, image_shape))}], but got shape {shape}; reshape the "
            "images, or build the model with their image_shape."
        )
    if isinstance(images, np.ndarray | tf.__internal__.EagerTensor):
        values = np.asarray(images)
        if values.size and not (np.min(values) >= 0 and np.max(values) <= 1):
            raise ValueError(
                "FlowVAE takes images with values in [0, 1], but got values from "
                f"{np.min(values)} to {np.max(values)}; rescale them, bytes by dividing "
                "by 255."
            )


def binarize(images, binarization, seed=None):
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
