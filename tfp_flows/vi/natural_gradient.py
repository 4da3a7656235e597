"""Natural gradients of a Gaussian's ELBO, compiled for a target."""

import math
from collections.abc import Callable

import tensorflow as tf

from tfp_flows.vi.gaussian import Estimate, Gaussian

# Gradients longer than so many medians are shortened to that.
_LONGEST_GRADIENT = 10.0
# Precision, relative to the Gaussian's, with which points outside the support pull back.
_WALL = 10.0
# By how much a step changes the precision in any direction at most.
_LARGEST_CHANGE = 4.0


def draw(
    gaussian: Gaussian, sample_size: int, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """S points in pairs z, -z, as z and as x = scale_tril z + location, `[S, D]`."""
    half = tf.random.stateless_normal(
        [sample_size // 2, gaussian.location.shape[0]], seed, dtype=tf.float64
    )
    z = tf.concat([half, -half], axis=0)
    return z, gaussian.location + tf.matmul(z, gaussian.scale_tril, transpose_b=True)


def build_estimate_fn(
    value_and_gradient_fn: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
    sample_size: int,
    dtype: tf.DType,
) -> Callable[[Gaussian, tf.Tensor], Estimate]:
    """What draws S antithetic points of a Gaussian and looks at the target there.

    Args:
      value_and_gradient_fn: callable, `[S, D]` to log densities `[S]` and their gradients
        `[S, D]`.
      sample_size: S, even.
      dtype: of the points that the target takes; all else is float64.

    Returns:
      Callable, `(Gaussian, stateless seed)` to `Estimate`.
    """

    def estimate_fn(gaussian: Gaussian, seed: tf.Tensor) -> Estimate:
        z, x = draw(gaussian, sample_size, seed)
        # Inside a tf.function, TensorFlow would optimise the target's graph once more.
        log_prob, gradient = value_and_gradient_fn(tf.cast(x, dtype))
        log_weights, score, precision, variance, best, highest = _summary(
            z, log_prob, gradient, gaussian.scale_tril
        )
        return Estimate(
            log_weights=log_weights.numpy(),
            score=score,
            precision=precision,
            variance=float(variance),
            best_point=x[best],
            best_log_prob=float(highest),
        )

    return estimate_fn


@tf.function(autograph=False)
def _summary(
    z: tf.Tensor, log_prob: tf.Tensor, gradient: tf.Tensor, scale_tril: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    """The parts of an `Estimate`, the best point as an index."""
    log_prob = tf.cast(log_prob, tf.float64)
    gradient = tf.matmul(tf.cast(gradient, tf.float64), scale_tril)
    is_inside = tf.math.is_finite(log_prob + tf.norm(gradient, axis=1))
    gradient = _tamed(gradient, z, is_inside)
    score, precision, variance = _regression(gradient, z)
    log_det = tf.reduce_sum(tf.math.log(tf.linalg.diag_part(scale_tril)))
    log_q = -0.5 * tf.reduce_sum(z**2 + math.log(2.0 * math.pi), axis=1) - log_det
    nan, lowest = tf.constant(math.nan, tf.float64), tf.constant(-math.inf, tf.float64)
    log_weights = tf.where(is_inside, log_prob - log_q, nan)
    heights = tf.where(is_inside, log_prob, lowest)
    best = tf.argmax(heights)
    return log_weights, score, precision, variance, best, heights[best]


def _tamed(gradient: tf.Tensor, z: tf.Tensor, is_inside: tf.Tensor) -> tf.Tensor:
    """Gradients `[S, D]` without outliers; outside the support those of a steep wall."""
    infinity = tf.constant(math.inf, tf.float64)
    length = tf.norm(gradient, axis=1)
    in_order = tf.sort(tf.where(is_inside, length, infinity))
    num_inside = tf.reduce_sum(tf.cast(is_inside, tf.int32))
    longest = _LONGEST_GRADIENT * in_order[num_inside // 2]
    factor = tf.where(length > longest, longest / length, tf.ones_like(length))
    is_inside = is_inside[:, tf.newaxis]
    return tf.where(is_inside, gradient * factor[:, tf.newaxis], -_WALL * z)


def _regression(
    gradient: tf.Tensor, z: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Intercept, minus the symmetric slope, and variance about them, by least squares.

    The points come in pairs z, -z, so that the intercept is the mean.
    """
    score = tf.reduce_mean(gradient, axis=0)
    factor = tf.linalg.cholesky(tf.matmul(z, z, transpose_a=True))
    slope = tf.linalg.cholesky_solve(factor, tf.matmul(z, gradient, transpose_a=True))
    residuals = gradient - score - tf.matmul(z, slope)
    variance = tf.reduce_sum(residuals**2) / (z.shape[0] - score.shape[0] - 1)
    return score, -0.5 * (slope + tf.transpose(slope)), variance


@tf.function(autograph=False)
def _step(
    location: tf.Tensor,
    scale_tril: tf.Tensor,
    score: tf.Tensor,
    precision: tf.Tensor,
    rate: tf.Tensor,
    reach: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    values, vectors = tf.linalg.eigh(precision)
    values = tf.maximum(1.0 - rate + rate * values, 1.0 / _LARGEST_CHANGE)
    along = tf.linalg.matvec(vectors, score, transpose_a=True) / values
    move = rate * tf.linalg.matvec(vectors, along)
    length = tf.norm(move)
    move *= tf.where(length > reach, reach / length, tf.ones_like(length))
    moved = location + tf.linalg.matvec(scale_tril, move)
    values = tf.minimum(values, _LARGEST_CHANGE)
    # L V / sqrt(values) is a root of the new covariance. Its QR gives the triangular one
    # at the root's condition; Cholesky of the covariance has the square of that.
    root = tf.matmul(scale_tril, vectors) / tf.sqrt(values)
    upper = tf.linalg.qr(tf.transpose(root)).r
    signs = tf.sign(tf.linalg.diag_part(upper))
    return moved, tf.transpose(signs[:, tf.newaxis] * upper), length


def step(
    gaussian: Gaussian, estimate: Estimate, rate: float, reach: float
) -> tuple[Gaussian, float]:
    """A step along the natural gradient.

    In the Gaussian's own coordinates, where its precision is the identity, the new
    precision is `(1 - rate) I + rate P` and the mean moves by `rate` times its inverse
    times the score: Newton's step, for rate 1 and a Gaussian target to the optimum.

    Args:
      gaussian: where it starts.
      estimate: of points of it.
      rate: in (0, 1].
      reach: longest move of the mean, in standard deviations.

    Returns:
      `Gaussian`, and how far the mean would have moved without `reach`.
    """
    location, scale_tril, length = _step(
        gaussian.location,
        gaussian.scale_tril,
        estimate.score,
        estimate.precision,
        tf.constant(rate, tf.float64),
        tf.constant(reach, tf.float64),
    )
    return Gaussian(location, scale_tril), float(length)
