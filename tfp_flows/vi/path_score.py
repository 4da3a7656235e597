"""The score of a transformed density, carried forward through bijectors."""

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd


def score_of_image(
    bijector: tfp.bijectors.Bijector, x: tf.Tensor, score: tf.Tensor
) -> tf.Tensor:
    """The gradient of the log density of y = bijector(x), from that of x.

    The layers of this package have it in closed form (`forward_score`); chains are
    followed link by link; any other bijector is differentiated through its inverse.
    `x`, `score` = d log p(x) / dx and what is returned, d log p(y) / dy, are `[..., D]`.
    """
    if isinstance(bijector, tfp.bijectors.Chain):
        for part in reversed(bijector.bijectors):
            score = score_of_image(part, x, score)
            x = part.forward(x)
        return score
    if hasattr(bijector, "forward_score"):
        return bijector.forward_score(x, score)

    # log p(y) = log p(x(y)) + log|det dx/dy|.
    def log_prob_up_to_second_order(y: tf.Tensor) -> tf.Tensor:
        inverse = bijector.inverse(y)
        along = tf.reduce_sum(tf.stop_gradient(score) * inverse, axis=-1)
        return along + bijector.inverse_log_det_jacobian(y, event_ndims=1)

    y = tf.identity(tf.stop_gradient(bijector.forward(x)))  # past the bijector's cache
    return tfp.math.value_and_gradient(log_prob_up_to_second_order, y)[1]


def score_of_base(base: tfd.Distribution, z: tf.Tensor) -> tf.Tensor:
    """The score of a base, d log p(z) / dz, of the shape of `z`."""
    z = tf.stop_gradient(z)
    return tfp.math.value_and_gradient(base.log_prob, z)[1]
