"""Four Gaussians on a cross: `example3`."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.targets.energy import Energy

LOCS = ((0.0, 3.0), (0.0, -3.0), (-3.0, 0.0), (3.0, 0.0))
VARIANCES = ((0.2, 0.4), (0.2, 0.4), (0.4, 0.2), (0.4, 0.2))


class GaussianCross(Energy):
    """The sum of four axis-aligned Gaussian bumps of height 1, one on each half-axis.

    The predecessor's third example: centers 3 from the origin, variance 0.4 along the
    axis and 0.2 across it. The modes are the bumps; they have equal mass.
    """

    def __init__(self, *, dtype: tf.DType, name: str) -> None:
        """Builds the target."""
        parameters = dict(locals())
        super().__init__(
            plot_limits=(-5.0, 5.0), dtype=dtype, name=name, parameters=parameters
        )

    def _log_mode_weights(self, z: tf.Tensor) -> tf.Tensor:
        offset = z[..., tf.newaxis, :] - tf.constant(LOCS, self.dtype)
        squared = tf.square(offset) / tf.constant(VARIANCES, self.dtype)
        return -0.5 * tf.reduce_sum(squared, axis=-1)

    def _log_z(self) -> float:
        return math.log(sum(2.0 * math.pi * math.sqrt(v1 * v2) for v1, v2 in VARIANCES))

    def mode_probabilities(self) -> tf.Tensor:
        """See base class."""
        return tf.fill([len(LOCS)], tf.constant(1.0 / len(LOCS), self.dtype))

    def _sample_n(self, n: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        bump_seed, normal_seed = tfp.random.split_seed(seed, n=2)
        bump = tf.random.stateless_uniform(
            [n], bump_seed, maxval=len(LOCS), dtype=tf.int32
        )
        normal = tf.random.stateless_normal([n, 2], normal_seed, dtype=self.dtype)
        loc = tf.gather(tf.constant(LOCS, self.dtype), bump)
        variance = tf.gather(tf.constant(VARIANCES, self.dtype), bump)
        return loc + tf.sqrt(variance) * normal
