"""A Gaussian, and what points of it say of a target."""

import dataclasses
import math

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Gaussian:
    """The distribution of scale_tril z + location, z standard normal, in float64."""

    location: tf.Tensor  # [D]
    scale_tril: tf.Tensor  # [D, D]


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What points of a Gaussian say of the target, in the Gaussian's own coordinates z.

    The target's gradients are regressed on the points: E[gradient | z] = score -
    precision z. Of a Gaussian target both are exact, whatever the number of points.

    Attributes:
      log_weights: `[N]`, log p(x) - log q(x), NaN where the target is not finite.
      score: `[D]`, the mean gradient; 0 at the optimum.
      precision: `[D, D]`, minus the mean Hessian; the identity at the optimum.
      variance: of a gradient about the regression, summed over its entries.
      best_point: `[D]`, the point x of the highest density.
      best_log_prob: the log density there.
    """

    log_weights: np.ndarray
    score: tf.Tensor
    precision: tf.Tensor
    variance: float
    best_point: tf.Tensor
    best_log_prob: float

    @property
    def support_mass(self) -> float:
        """The share of points at which the target is finite."""
        return float(np.mean(np.isfinite(self.log_weights)))

    @property
    def penalised(self) -> np.ndarray:
        """Log weights `[N]`, 10 nats below the least one where they are not finite."""
        is_outside = np.isnan(self.log_weights)
        if np.all(is_outside):
            return np.full_like(self.log_weights, -np.inf)
        least = np.min(self.log_weights[~is_outside])
        return np.where(is_outside, least - 10.0, self.log_weights)

    def deviation(self) -> tf.Tensor:
        """The natural gradient, `[D + D^2]`, whose square is twice the gain of a step."""
        identity = tf.eye(len(self.score), dtype=self.precision.dtype)
        excess = tf.reshape(self.precision - identity, [-1]) / math.sqrt(2.0)
        return tf.concat([self.score, excess], axis=0)

    def gains(self) -> tuple[float, float]:
        """Nats that a full step of the mean gains, and one of the covariance."""
        size = len(self.score)
        squares = self.deviation() ** 2
        mean, covariance = tf.reduce_sum(squares[:size]), tf.reduce_sum(squares[size:])
        return 0.5 * float(mean), 0.5 * float(covariance)

    def noise(self) -> tuple[float, float]:
        """What `gains` are expected to be at the optimum, from finite samples alone."""
        mean = 0.5 * self.variance / len(self.log_weights)
        # The regression's slopes have as much in each of D columns; symmetrised, half.
        return mean, mean * (len(self.score) + 1) / 4.0

    def with_more(self, other: "Estimate") -> "Estimate":
        """That of the points of both, which are of one Gaussian."""
        n, m = len(self.log_weights), len(other.log_weights)

        def mean(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
            return (n * first + m * second) / (n + m)

        return Estimate(
            np.concatenate([self.log_weights, other.log_weights]),
            mean(self.score, other.score),
            mean(self.precision, other.precision),
            mean(self.variance, other.variance),
            self.best_point,
            self.best_log_prob,
        )
