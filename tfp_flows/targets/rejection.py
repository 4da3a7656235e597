"""Exact rejection sampling, vectorised."""

from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp


def rejection_sample(
    propose_fn: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
    num_samples: tf.Tensor | int,
    seed: tf.Tensor,
) -> tf.Tensor:
    """Draws until every one of `num_samples` places holds an accepted proposal.

    Args:
      propose_fn: callable, seed -> `(proposals, log_accept)`, of shapes
        `[num_samples, D]` and `[num_samples]`; `log_accept <= 0` is the log probability
        with which a proposal is kept.
      num_samples: scalar integer.
      seed: stateless TFP seed.

    Returns:
      `Tensor` of shape `[num_samples, D]`.
    """

    def body(
        seed: tf.Tensor, samples: tf.Tensor, is_accepted: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        seed, propose_seed, accept_seed = tfp.random.split_seed(seed, n=3)
        proposals, log_accept = propose_fn(propose_seed)
        uniform = tf.random.stateless_uniform(
            [num_samples], accept_seed, dtype=log_accept.dtype
        )
        is_new = ~is_accepted & (tf.math.log(uniform) < log_accept)
        samples = tf.where(is_new[:, tf.newaxis], proposals, samples)
        return seed, samples, is_accepted | is_new

    proposals, _ = propose_fn(seed)
    _, samples, _ = tf.while_loop(
        lambda seed, samples, is_accepted: ~tf.reduce_all(is_accepted),
        body,
        (seed, tf.zeros_like(proposals), tf.zeros([num_samples], tf.bool)),
    )
    return samples
