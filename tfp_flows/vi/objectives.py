"""Monte Carlo objectives of the reverse KL, and their gradient estimators."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.vi.path_score import score_of_image


def reparameterized(flow, target_log_prob_fn, sample_size):
    """The total derivative of `E_q[log q(x) - beta log p(x)]` through the samples.

    Args:
      flow: `tfd.Distribution` with `experimental_sample_and_log_prob`.
      target_log_prob_fn: callable, `[S, ..., D]` to `[S, ...]`.
      sample_size: S.

    Returns:
      Function `(seed, beta) -> (objective, log_q - log_p)`: a scalar whose gradient is
      the estimate, summed over the batch, and the negative log weights, `[S, ...]`.
    """

    def objective_fn(seed, beta):
        x, log_q = flow.experimental_sample_and_log_prob(sample_size, seed=seed)
        log_p = target_log_prob_fn(x)
        objective = tf.reduce_sum(tf.reduce_mean(log_q - beta * log_p, axis=0))
        return objective, log_q - log_p

    return objective_fn


def path(flow, target_log_prob_fn, sample_size):
    """The path derivative alone: "sticking the landing" (Roeder et al. 2017, eq. 5).

    The parameters move log q(x) in two ways, through the sample and directly. The direct
    part, the score of the parameters, has expectation 0, and is left out: the gradient is

        (d log q / dx - beta d log p / dx)^T dx / d parameters,

    which vanishes for each sample, not only on average, where q is the target. The score
    d log q / dx is carried forward through the layers, as in Vaitl et al. (2022), but
    without an inverse: see `forward_score` of the bijectors.

    Args and returns: as those of `reparameterized`; `flow` is a
    `tfd.TransformedDistribution`.
    """

    def objective_fn(seed, beta):
        z = flow.distribution.sample(sample_size, seed=seed)
        x = flow.bijector.forward(z)
        score = score_of_image(flow.bijector, z, _score_of_base(flow.distribution, z))
        log_p = target_log_prob_fn(x)
        moved = tf.reduce_sum(tf.stop_gradient(score) * x, axis=-1)
        objective = tf.reduce_sum(tf.reduce_mean(moved - beta * log_p, axis=0))
        log_det = flow.bijector.forward_log_det_jacobian(z, event_ndims=1)
        log_q = flow.distribution.log_prob(z) - log_det
        return objective, log_q - log_p

    return objective_fn


OBJECTIVES = {"reparameterized": reparameterized, "path": path}


def _score_of_base(base, z):
    z = tf.stop_gradient(z)
    return tfp.math.value_and_gradient(base.log_prob, z)[1]
