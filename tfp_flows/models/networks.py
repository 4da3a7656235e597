"""Encoders and decoders of images, as functional Keras models.

An encoder maps images `[B, *image_shape]` to features `[B, H]`; a decoder maps latent
vectors `[B, D]` to outputs, such as logits, `[B, *image_shape]`, or with n outputs per
pixel `[B, *image_shape, n]`.
"""

import math
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import keras
import numpy as np

from tfp_flows import numerics
from tfp_flows.layers.checks import check_num_weights

DType: TypeAlias = str | keras.DTypePolicy | None
Initializers: TypeAlias = Iterator[keras.initializers.Initializer]


def mlp_encoder(
    image_shape: Sequence[int],
    *,
    hidden_sizes: Sequence[int] = (512, 256),
    seed: int | None = None,
    dtype: DType = None,
) -> keras.Model:
    """A perceptron from images to features of size `hidden_sizes[-1]`.

    Args:
      image_shape: shape of an image, `(height, width)` or with channels last.
      hidden_sizes: sizes of the ReLU layers.
      seed: `int`, of the initial weights; `None` for random ones.
      dtype: Keras dtype or policy; `None` is the global policy.

    Returns:
      `keras.Model`.
    """
    initializer = _initializers(seed)
    x = images = keras.Input(image_shape)
    x = keras.layers.Flatten(dtype=dtype)(x)
    for size in hidden_sizes:
        x = _dense(x, size, "relu", initializer, dtype)
    return keras.Model(images, x, name="mlp_encoder")


def mlp_decoder(
    latent_size: int,
    image_shape: Sequence[int],
    *,
    hidden_sizes: Sequence[int] = (256, 512),
    num_outputs: int = 1,
    seed: int | None = None,
    dtype: DType = None,
) -> keras.Model:
    """A perceptron from latent vectors to images of logits, or what else pixels need.

    Args:
      latent_size: D.
      image_shape: shape of an image.
      hidden_sizes: sizes of the ReLU layers.
      num_outputs: n, outputs per pixel, as a `tff.models.Likelihood` has it.
      seed: `int`, of the initial weights; `None` for random ones.
      dtype: Keras dtype or policy; `None` is the global policy.

    Returns:
      `keras.Model`.
    """
    initializer = _initializers(seed)
    x = z = keras.Input([latent_size])
    for size in hidden_sizes:
        x = _dense(x, size, "relu", initializer, dtype)
    shape = outputs_shape(image_shape, num_outputs)
    x = _dense(x, math.prod(shape), None, initializer, dtype)
    outputs = keras.layers.Reshape(shape, dtype=dtype)(x)
    return keras.Model(z, outputs, name="mlp_decoder")


def gated_conv_encoder(
    image_shape: Sequence[int],
    *,
    num_features: int = 256,
    seed: int | None = None,
    dtype: DType = None,
) -> keras.Model:
    """Gated convolutions, `conv(x) * sigmoid(conv'(x))`, from images to features.

    The encoder of van den Berg et al. (2018) for binary images: five 5 x 5 convolutions
    of 32, 32, 64, 64, 64 filters, the second and the fourth of stride 2, and one over all
    that is left.

    Args:
      image_shape: `(height, width)` or `(height, width, channels)`, height and width
        divisible by 4.
      num_features: H.
      seed: `int`, of the initial weights; `None` for random ones.
      dtype: Keras dtype or policy; `None` is the global policy.

    Returns:
      `keras.Model`.

    Raises:
      ValueError: if `image_shape` does not fit.
    """
    height, width, channels = _image_size(image_shape)
    initializer = _initializers(seed)
    images = keras.Input(image_shape)
    x = keras.layers.Reshape([height, width, channels], dtype=dtype)(images)
    layer = keras.layers.Conv2D
    for filters, strides in ((32, 1), (32, 2), (64, 1), (64, 2), (64, 1)):
        x = _gated(layer, x, filters, 5, strides, "same", initializer, dtype)
    rest = (height // 4, width // 4)
    x = _gated(layer, x, num_features, rest, 1, "valid", initializer, dtype)
    features = keras.layers.Flatten(dtype=dtype)(x)
    return keras.Model(images, features, name="gated_conv_encoder")


def gated_conv_decoder(
    latent_size: int,
    image_shape: Sequence[int],
    *,
    num_outputs: int = 1,
    seed: int | None = None,
    dtype: DType = None,
) -> keras.Model:
    """Gated transposed convolutions from latent vectors to images, as `mlp_decoder`.

    The decoder of van den Berg et al. (2018) for binary images: six 5 x 5 transposed
    convolutions, the first over what the encoder had left, and a 1 x 1 convolution.

    Args:
      latent_size: D.
      image_shape: as for `gated_conv_encoder`.
      num_outputs: n, outputs per pixel.
      seed: `int`, of the initial weights; `None` for random ones.
      dtype: Keras dtype or policy; `None` is the global policy.

    Returns:
      `keras.Model`.

    Raises:
      ValueError: if `image_shape` does not fit.
    """
    height, width, channels = _image_size(image_shape)
    initializer = _initializers(seed)
    z = keras.Input([latent_size])
    x = keras.layers.Reshape([1, 1, latent_size], dtype=dtype)(z)
    layer = keras.layers.Conv2DTranspose
    rest = (height // 4, width // 4)
    x = _gated(layer, x, 64, rest, 1, "valid", initializer, dtype)
    for filters, strides in ((64, 1), (32, 2), (32, 1), (32, 2), (32, 1)):
        x = _gated(layer, x, filters, 5, strides, "same", initializer, dtype)
    x = keras.layers.Conv2D(
        channels * num_outputs, 1, kernel_initializer=next(initializer), dtype=dtype
    )(x)
    shape = outputs_shape(image_shape, num_outputs)
    outputs = keras.layers.Reshape(shape, dtype=dtype)(x)
    return keras.Model(z, outputs, name="gated_conv_decoder")


def outputs_shape(image_shape: Sequence[int], num_outputs: int) -> tuple[int, ...]:
    """The shape of a decoder's outputs for one image."""
    return (*image_shape, num_outputs) if num_outputs > 1 else tuple(image_shape)


def _initializers(seed: int | None) -> Initializers:
    """Glorot initializers, each with a seed of its own."""
    seed = numerics.check_int_seed(seed)
    rng = np.random.default_rng(numerics.unsigned_seed(seed, 64))
    while True:
        yield keras.initializers.GlorotUniform(seed=int(rng.integers(2**31)))


def _dense(
    x: keras.KerasTensor,
    size: int,
    activation: str | None,
    initializer: Initializers,
    dtype: DType,
) -> keras.KerasTensor:
    check_num_weights("A dense layer", x.shape[-1] * size)
    return keras.layers.Dense(
        size, activation, kernel_initializer=next(initializer), dtype=dtype
    )(x)


def _gated(
    layer: type[keras.Layer],
    x: keras.KerasTensor,
    filters: int,
    kernel_size: int | Sequence[int],
    strides: int,
    padding: str,
    initializer: Initializers,
    dtype: DType,
) -> keras.KerasTensor:
    area = math.prod(np.broadcast_to(kernel_size, 2).tolist())
    check_num_weights("A convolution", area * x.shape[-1] * filters)

    def convolution(activation: str | None) -> keras.Layer:
        return layer(
            filters,
            kernel_size,
            strides,
            padding,
            activation=activation,
            kernel_initializer=next(initializer),
            dtype=dtype,
        )(x)

    return keras.layers.Multiply(dtype=dtype)([convolution(None), convolution("sigmoid")])


def _image_size(image_shape: Sequence[int]) -> tuple[int, ...]:
    """Height, width and channels; one channel where the shape has none."""
    if len(image_shape) not in (2, 3) or image_shape[0] % 4 or image_shape[1] % 4:
        raise ValueError(
            "The gated convolutions take images of shape (height, width) or (height, "
            "width, channels) with height and width divisible by 4, but got "
            f"{tuple(image_shape)}; pad or crop the images, or use the encoder and "
            'decoder "mlp".'
        )
    return (*image_shape, 1)[:3]
