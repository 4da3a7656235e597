"""Bands along sine waves: `example2`, `u2`, `u3` and `u4`."""

import math
from collections.abc import Callable, Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.targets.energy import Energy

_HALF_WIDTH = 4.0


def sine(z1: tf.Tensor) -> tf.Tensor:
    """w_1(z) = sin(2 pi z_1 / 4)."""
    return tf.sin(0.5 * math.pi * z1)


def sine_minus_bump(z1: tf.Tensor) -> tf.Tensor:
    """w_1(z) - w_2(z), with w_2(z) = 3 exp(-((z_1 - 1) / 0.6)^2 / 2)."""
    return sine(z1) - 3.0 * tf.exp(-0.5 * tf.square((z1 - 1.0) / 0.6))


def sine_minus_step(z1: tf.Tensor) -> tf.Tensor:
    """w_1(z) - w_3(z), with w_3(z) = 3 sigmoid((z_1 - 1) / 0.3)."""
    return sine(z1) - 3.0 * tf.sigmoid((z1 - 1.0) / 0.3)


class Waves(Energy):
    """A mixture of Gaussian bands around curves z_2 = c_j(z_1), for |z_1| <= 4.

    ```none
    U(z) = -log sum_j exp(-((z_2 - c_j(z_1)) / s_j)^2 / 2)
    ```

    `u2`, `u3` and `u4` are U_2 to U_4 of Rezende & Mohamed (2015), Table 1, whose
    densities cannot be normalized on the whole plane; the bounds are those of the
    paper's figures, and of the predecessor's second example, which is `u2`. The
    marginal of z_1 is uniform. The modes are the bands.
    """

    def __init__(
        self,
        curves: Sequence[Callable[[tf.Tensor], tf.Tensor]],
        widths: Sequence[float],
        *,
        dtype: tf.DType,
        name: str,
    ) -> None:
        """Builds the target.

        Args:
          curves: sequence of callables c_j, of `Tensor`s of any shape.
          widths: sequence of standard deviations s_j.
          dtype: floating `tf.DType`.
          name: Python `str`.
        """
        parameters = dict(locals())
        self._curves, self._widths = tuple(curves), tuple(widths)
        super().__init__(
            half_width=_HALF_WIDTH,
            plot_limits=(-4.0, 4.0),
            dtype=dtype,
            name=name,
            parameters=parameters,
        )

    def _log_mode_weights(self, z: tf.Tensor) -> tf.Tensor:
        z1, z2 = z[..., 0], z[..., 1]
        return tf.stack(
            [
                -0.5 * tf.square((z2 - curve(z1)) / width)
                for curve, width in zip(self._curves, self._widths, strict=True)
            ],
            axis=-1,
        )

    def _log_z(self) -> float:
        return math.log(2.0 * _HALF_WIDTH * math.sqrt(2.0 * math.pi) * sum(self._widths))

    def mode_probabilities(self) -> tf.Tensor:
        """See base class."""
        total = sum(self._widths)
        return tf.constant([width / total for width in self._widths], self.dtype)

    def _sample_n(self, n: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        z1_seed, band_seed, z2_seed = tfp.random.split_seed(seed, n=3)
        z1 = tf.random.stateless_uniform(
            [n], z1_seed, -_HALF_WIDTH, _HALF_WIDTH, dtype=self.dtype
        )
        logits = tf.math.log(self.mode_probabilities())[tf.newaxis]
        band = tf.random.stateless_categorical(logits, n, band_seed)[0]
        centers = tf.stack([curve(z1) for curve in self._curves], axis=-1)
        center = tf.gather(centers, band, batch_dims=1)
        width = tf.gather(tf.constant(self._widths, self.dtype), band)
        normal = tf.random.stateless_normal([n], z2_seed, dtype=self.dtype)
        return tf.stack([z1, center + width * normal], axis=-1)
