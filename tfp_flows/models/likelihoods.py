"""Likelihoods p(x|z) of images: what the outputs of a decoder mean."""

import abc
import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfp_flows import numerics

_HALF_LOG_2_PI = 0.5 * math.log(2.0 * math.pi)


class Likelihood(keras.layers.Layer, abc.ABC):
    """A density of pixels, independent of each other given the outputs of a decoder.

    For one of your own, override what is abstract, register the class with `keras.saving.
    register_keras_serializable`, and pass an object to `FlowVAE(likelihood=...)`. Weights
    are made in `build`, as of any Keras layer, and train with the model.

    Attributes:
      num_outputs: n, outputs of the decoder per pixel. Outputs have shape `[...,
        *image_shape]` if n is 1, and `[..., *image_shape, n]` otherwise.
      image_dtype: dtype of the images that `log_prob` takes; `None` is that of outputs.
    """

    num_outputs: int = 1
    image_dtype: tf.DType | None = None

    @abc.abstractmethod
    def check_dtype(self, dtype: tf.DType) -> None:
        """Raises TypeError unless images may be of this dtype."""

    @abc.abstractmethod
    def check_values(self, values: np.ndarray) -> None:
        """Raises ValueError unless the values of images, an array, are in range."""

    @abc.abstractmethod
    def log_prob(self, images: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Log p(x|z) of each pixel.

        Args:
          images: `Tensor` of shape `[..., *image_shape]`.
          outputs: `Tensor` of the decoder, of the same pixels.

        Returns:
          `Tensor` of shape `[..., *image_shape]`.
        """

    @abc.abstractmethod
    def mean(self, outputs: tf.Tensor) -> tf.Tensor:
        """The mean of each pixel, `[..., *image_shape]`."""

    @abc.abstractmethod
    def sample(self, outputs: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Pixels `[..., *image_shape]` drawn with a stateless seed, in `image_dtype`."""

    def encoder_input(self, images: tf.Tensor) -> tf.Tensor:
        """What the encoder sees of images, of the same shape, floating-point."""
        return images


@keras.saving.register_keras_serializable(package="tfp_flows")
class BernoulliLikelihood(Likelihood):
    """Pixels that are 0 or 1, from logits: `FlowVAE(likelihood="bernoulli")`.

    Images are intensities in [0, 1], which the `binarization` of the model makes binary.
    """

    def check_dtype(self, dtype: tf.DType) -> None:
        """See base class."""
        if not (dtype.is_floating or dtype.is_bool):
            raise TypeError(
                f"FlowVAE takes images with values in [0, 1], but got {dtype.name}; "
                'divide bytes by 255: (images / 255.0).astype("float32").'
            )

    def check_values(self, values: np.ndarray) -> None:
        """See base class."""
        if values.size and not (np.min(values) >= 0 and np.max(values) <= 1):
            raise ValueError(
                "FlowVAE takes images with values in [0, 1], but got values from "
                f"{np.min(values)} to {np.max(values)}; rescale them, bytes by dividing "
                "by 255."
            )

    def log_prob(self, images: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """See base class: x l - softplus(l).

        In the form max(l, 0) - l x + log1p(exp(-|l|)), which does not cancel where pixels
        are certain; no epsilon, and no clipping of logits or probabilities.
        """
        return -tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=outputs)

    def mean(self, outputs: tf.Tensor) -> tf.Tensor:
        """See base class."""
        return tf.sigmoid(outputs)

    def sample(self, outputs: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """See base class."""
        uniform = tf.random.stateless_uniform(
            tf.shape(outputs), seed, dtype=outputs.dtype
        )
        return tf.cast(uniform < tf.sigmoid(outputs), outputs.dtype)


@keras.saving.register_keras_serializable(package="tfp_flows")
class GaussianLikelihood(Likelihood):
    """Pixels x ~ Normal(output, scale), with one scale for all of them.

    The scale is learned from its initial value, as in [1], where this calibrates the
    weight of reconstruction beside that of the KL divergence; with `trainable=False` it
    stays. Pixels are any finite numbers. The networks start for numbers of order 1:
    intensities in [0, 1], or standardised ones. Log densities are those of the pixels as
    they are given, and may be positive.

    #### References

    [1]: O. Rybkin, K. Daniilidis and S. Levine. Simple and Effective VAE Training with
         Calibrated Decoders. ICML 2021. https://arxiv.org/abs/2006.13202
    """

    def __init__(self, scale: float = 1.0, **kwargs: Any) -> None:
        """Builds the likelihood.

        Args:
          scale: standard deviation of a pixel, a number > 0: its initial value or, with
            `trainable=False`, its value.
          **kwargs: `trainable`, `name` and what else `keras.layers.Layer` takes.

        Raises:
          ValueError: if `scale` is no finite number > 0.
        """
        super().__init__(**kwargs)
        self.initial_scale = numerics.check_positive("scale", scale)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the weight, the logarithm of the scale."""
        self.log_scale = self.add_weight(
            name="log_scale",
            shape=(),
            initializer=keras.initializers.Constant(math.log(self.initial_scale)),
            autocast=False,
        )
        self.built = True

    @property
    def scale(self) -> tf.Tensor:
        """The standard deviation of a pixel, a scalar."""
        return tf.exp(self.log_scale)

    def check_dtype(self, dtype: tf.DType) -> None:
        """See base class."""
        if not dtype.is_floating:
            raise TypeError(
                "FlowVAE with a Gaussian likelihood takes floating-point images, but got "
                f"{dtype.name}; scale or standardise them, bytes for example by "
                '(images / 255.0).astype("float32").'
            )

    def check_values(self, values: np.ndarray) -> None:
        """See base class."""
        if not np.all(np.isfinite(values)):
            raise ValueError(
                "FlowVAE with a Gaussian likelihood takes images of finite numbers, but "
                f"got {np.sum(~np.isfinite(values))} that are NaN or infinite; leave the "
                "images out, or mend them."
            )

    def log_prob(self, images: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """See base class."""
        log_scale = tf.cast(self.log_scale, outputs.dtype)
        z = (images - outputs) * tf.exp(-log_scale)
        return -0.5 * tf.square(z) - log_scale - _HALF_LOG_2_PI

    def mean(self, outputs: tf.Tensor) -> tf.Tensor:
        """See base class."""
        return outputs

    def sample(self, outputs: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """See base class."""
        noise = numerics.stateless_normal(tf.shape(outputs), seed, outputs.dtype)
        return outputs + tf.cast(self.scale, outputs.dtype) * noise

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | dict(scale=self.initial_scale)


@keras.saving.register_keras_serializable(package="tfp_flows")
class CategoricalLikelihood(Likelihood):
    """Pixels of L levels 0 .. L - 1, from L logits each.

    Images are arrays of integers, not one-hot: bytes as they are, with L = 256. The
    encoder sees them divided by L - 1. Means, which reconstructions are, are those of
    the levels, numbers from 0 to L - 1; samples are integers.

    With `"mlp"`, the last layer of the decoder has 512 weights per pixel and level:
    quantise the images to few levels, or take `"gated_conv"`.
    """

    image_dtype = tf.int32

    def __init__(self, num_levels: int = 256, **kwargs: Any) -> None:
        """Builds the likelihood.

        Args:
          num_levels: L, at least 2.
          **kwargs: `name` and what else `keras.layers.Layer` takes.

        Raises:
          ValueError: if `num_levels` is no integer of at least 2.
        """
        super().__init__(**kwargs)
        self.num_outputs = numerics.check_size("num_levels", num_levels, least=2)

    def check_dtype(self, dtype: tf.DType) -> None:
        """See base class."""
        if not dtype.is_integer:
            raise TypeError(
                "FlowVAE with a categorical likelihood takes images of integer levels 0 "
                f"to {self.num_outputs - 1}, but got {dtype.name}; pass bytes as they "
                "are, or round intensities to levels."
            )

    def check_values(self, values: np.ndarray) -> None:
        """See base class."""
        largest = self.num_outputs - 1
        if values.size and not (np.min(values) >= 0 and np.max(values) <= largest):
            raise ValueError(
                f"FlowVAE with a categorical likelihood of {self.num_outputs} levels "
                f"takes images with values from 0 to {largest}, but got values from "
                f"{np.min(values)} to {np.max(values)}; quantise them, or build the "
                "model with a CategoricalLikelihood of more levels."
            )

    def encoder_input(self, images: tf.Tensor) -> tf.Tensor:
        """See base class."""
        return tf.cast(images, self.variable_dtype) / (self.num_outputs - 1)

    def log_prob(self, images: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """See base class."""
        return -tf.nn.sparse_softmax_cross_entropy_with_logits(images, outputs)

    def mean(self, outputs: tf.Tensor) -> tf.Tensor:
        """See base class."""
        levels = tf.range(self.num_outputs, dtype=outputs.dtype)
        return tf.reduce_sum(tf.nn.softmax(outputs) * levels, axis=-1)

    def sample(self, outputs: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """See base class."""
        flat = tf.reshape(outputs, [-1, self.num_outputs])
        levels = tf.random.stateless_categorical(flat, 1, seed, dtype=tf.int32)
        return tf.reshape(levels, tf.shape(outputs)[:-1])

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | dict(num_levels=self.num_outputs)
