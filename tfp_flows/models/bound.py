"""The evidence lower bound, term by term, and the importance-weighted likelihood."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from tfp_flows.models.likelihoods import Likelihood

# Images decoded at a time: 5,000 of 28 x 28 pixels, 16 MB of logits.
_CHUNK = 5_000


def image_log_prob(
    likelihood: Likelihood, images: tf.Tensor, outputs: tf.Tensor, event_ndims: int
) -> tf.Tensor:
    """Log p(x|z), the sum over pixels.

    Args:
      likelihood: `Likelihood` of the pixels.
      images: `Tensor` of shape `[..., *image_shape]`.
      outputs: `Tensor` of the decoder, of shape `[..., *image_shape]`, or with an axis of
        outputs per pixel behind.
      event_ndims: rank of an image.

    Returns:
      `Tensor` of shape `[...]`.
    """
    shape = tf.shape(outputs)
    images = tf.broadcast_to(images, shape if likelihood.num_outputs == 1 else shape[:-1])
    pixels = likelihood.log_prob(images, outputs)
    return tf.reduce_sum(pixels, axis=list(range(-event_ndims, 0)))


def sampled_kl(
    noise: tf.Tensor, log_scale: tf.Tensor, z: tf.Tensor, log_det: tf.Tensor
) -> tf.Tensor:
    """Log q(z|x) - log p(z) for one sample z = f(z0) of the posterior.

    With z0 = loc + scale noise, log q(z) = log q(z0) - log|det df/dz0|, and

        log q(z0) = -|noise|^2 / 2 - sum(log scale) - D/2 log(2 pi)
        log p(z)  = -|z|^2 / 2 - D/2 log(2 pi),

    from the noise itself: (z0 - loc) / scale would lose digits where scales are small.
    The constants cancel. An unbiased estimate of the KL divergence from the prior, which
    may be negative.

    Args:
      noise: `Tensor` of shape `[..., D]`.
      log_scale: `Tensor` of shape `[..., D]`.
      z: `Tensor` of shape `[..., D]`.
      log_det: `Tensor` of shape `[...]`, of the flow at z0.

    Returns:
      `Tensor` of shape `[...]`.
    """
    terms = 0.5 * (tf.square(z) - tf.square(noise)) - log_scale
    return tf.reduce_sum(terms, axis=-1) - log_det


def log_weights(
    log_weight_fn: Callable[[tf.Tensor, int, tf.Tensor], tf.Tensor],
    images: tf.Tensor,
    *,
    num_samples: int,
    batch_size: int,
    num_outputs: int,
    seed: tf.Tensor,
) -> Iterator[np.ndarray]:
    """Log importance weights log p(x, z) - log q(z|x), a chunk at a time.

    Args:
      log_weight_fn: callable, `(images [B, ...], num_samples, seed) -> [num_samples, B]`.
      images: `Tensor` of shape `[N, ...]`.
      num_samples: S, samples per image.
      batch_size: images at a time.
      num_outputs: outputs of the decoder per pixel, for the size of a chunk.
      seed: stateless seed.

    Yields:
      `float64` arrays `[S, B]`, for consecutive images.
    """
    chunk_size = max(1, _CHUNK // (batch_size * num_outputs))
    function = tf.function(log_weight_fn, autograph=False, reduce_retracing=True)
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size]
        chunks = []
        for first in range(0, num_samples, chunk_size):
            size = min(chunk_size, num_samples - first)
            key = tf.random.experimental.stateless_fold_in(seed, start)
            key = tf.random.experimental.stateless_fold_in(key, first)
            chunks.append(function(batch, size, key).numpy())
        yield np.concatenate(chunks).astype(np.float64)


def log_mean_exp(log_weight: np.ndarray) -> np.ndarray:
    """log(mean(exp(log_weight))) along the first axis, `[S, B]` to `[B]`.

    The largest weight is taken out first, so that exp neither overflows nor loses all of
    them to zero, as exp(-100) in float32 does.
    """
    highest = np.max(log_weight, axis=0)
    total = np.sum(np.exp(log_weight - highest), axis=0)
    return highest + np.log(total) - math.log(len(log_weight))
