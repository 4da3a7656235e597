"""Images as the model takes them: checked, and made binary."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfp_flows.models.examples import Examples
from tfp_flows.models.likelihoods import BernoulliLikelihood, Likelihood

_BINARIZATIONS = ("auto", "dynamic", "fixed", None)


def resolve_binarization(binarization: str | None, likelihood: Likelihood) -> str | None:
    """What "auto" stands for, or `binarization` itself.

    Raises:
      ValueError: if it is unknown, or of another likelihood than a Bernoulli one.
    """
    if binarization not in _BINARIZATIONS:
        raise ValueError(
            f"Unknown binarization {binarization!r}; the known ones are "
            f"{', '.join(map(repr, _BINARIZATIONS))}."
        )
    is_bernoulli = isinstance(likelihood, BernoulliLikelihood)
    if binarization == "auto":
        return "dynamic" if is_bernoulli else None
    if binarization is not None and not is_bernoulli:
        raise ValueError(
            f"binarization={binarization!r} makes images binary for a Bernoulli "
            f"likelihood, but the likelihood is {type(likelihood).__name__}; leave it "
            "out."
        )
    return binarization


class Images(Examples):
    """Images of one shape, with the values that a likelihood takes."""

    def __init__(self, image_shape: Sequence[int], likelihood: Likelihood) -> None:
        self._image_shape, self._likelihood = tuple(image_shape), likelihood

    def check_spec(self, method: str, shape: tf.TensorShape, dtype: tf.DType) -> None:
        """As `Examples.check_spec`; of a dtype that the likelihood takes."""
        self._likelihood.check_dtype(dtype)
        if not shape.is_compatible_with([None, *self._image_shape]):
            raise ValueError(
                f"This FlowVAE takes images of shape {self._image_shape}, an array [N, "
                f"{', '.join(map(str, self._image_shape))}], but got shape {shape}; "
                "reshape the images, or build the model with their image_shape."
            )

    def check_values(self, method: str, values: np.ndarray) -> None:
        """As `Examples.check_values`."""
        self._likelihood.check_values(values)

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
