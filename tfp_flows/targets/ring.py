"""Rings with two bright sides: `example1` and `u1`."""

import functools
import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.targets.energy import Energy
from tfp_flows.targets.rejection import rejection_sample


class Ring(Energy):
    """A ring of radius R, weighted by two Gaussian stripes at z_1 = -c and z_1 = c.

    ```none
    U(z) = ((||z|| - R) / s)^2 / 2
           - log(exp(-((z_1 - c) / t)^2 / 2) + exp(-((z_1 + c) / t)^2 / 2))
    ```

    `u1` is U_1 of Rezende & Mohamed (2015), Table 1; `example1` the predecessor's wider
    variant of it. Where the ring crosses both stripes twice (c < R) it has four modes,
    one in each quadrant; where it touches them (c = R) two, left and right. They have
    equal mass by symmetry.
    """

    def __init__(
        self,
        radius: float,
        width: float,
        stripe: float,
        stripe_width: float,
        *,
        plot_limits: tuple[float, float],
        dtype: tf.DType,
        name: str,
    ) -> None:
        """Builds the target; see the class for `R`, `s`, `c`, `t`, in this order."""
        parameters = dict(locals())
        self._radius, self._width = radius, width
        self._stripe, self._stripe_width = stripe, stripe_width
        super().__init__(
            plot_limits=plot_limits, dtype=dtype, name=name, parameters=parameters
        )

    def _energy(self, z: tf.Tensor) -> tf.Tensor:
        across = tf.square((numerics.safe_norm(z) - self._radius) / self._width)
        right, left = self._stripes(z[..., 0])
        return 0.5 * across - tfp.math.log_add_exp(right, left)

    def _stripes(self, z1: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return (
            -0.5 * tf.square((z1 - self._stripe) / self._stripe_width),
            -0.5 * tf.square((z1 + self._stripe) / self._stripe_width),
        )

    def _log_z(self) -> float:
        return _ring_log_z(self._radius, self._width, self._stripe, self._stripe_width)

    @property
    def _has_four_modes(self) -> bool:
        return self._stripe < self._radius

    def mode_probabilities(self) -> tf.Tensor:
        """See base class."""
        count = 4 if self._has_four_modes else 2
        return tf.fill([count], tf.constant(1.0 / count, self.dtype))

    def _log_mode_weights(self, z: tf.Tensor) -> tf.Tensor:
        # Modes are half-planes or quadrants: weights of 1 and 0, in logs.
        is_right, is_upper = z[..., 0] > 0, z[..., 1] > 0
        if self._has_four_modes:
            regions = [is_right & is_upper, ~is_right & is_upper]
            regions += [~is_right & ~is_upper, is_right & ~is_upper]
        else:
            regions = [is_right, ~is_right]
        one_hot = tf.cast(tf.stack(regions, axis=-1), self.dtype)
        return tf.math.log(one_hot)

    def _sample_n(self, n: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        rejection_seed, side_seed = tfp.random.split_seed(seed, n=2)
        radius, width = self._radius, self._width

        def propose(seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            # Polar coordinates of the right stripe's half of the mixture, whose density
            # is r exp(-((r - R) / s)^2 / 2) times the stripe. As r / R <= exp(t) with
            # t = (r - R) / R, a normal shifted by s^2 / R covers the radial factor.
            r_seed, angle_seed = tfp.random.split_seed(seed, n=2)
            normal = tf.random.stateless_normal([n], r_seed, dtype=self.dtype)
            r = radius + width**2 / radius + width * normal
            angle = tf.random.stateless_uniform(
                [n], angle_seed, maxval=2.0 * math.pi, dtype=self.dtype
            )
            z = r[:, tf.newaxis] * tf.stack([tf.cos(angle), tf.sin(angle)], axis=-1)
            ratio = tf.nn.relu(r / radius)
            log_accept = tf.math.log(ratio) - (r - radius) / radius
            return z, log_accept + self._stripes(z[:, 0])[0]

        z = rejection_sample(propose, n, rejection_seed)
        side = tf.random.stateless_uniform([n], side_seed, dtype=self.dtype)
        sign = tf.where(side < 0.5, -tf.ones_like(side), tf.ones_like(side))
        return z * tf.stack([sign, tf.ones_like(sign)], axis=-1)


@functools.lru_cache
def _ring_log_z(radius: float, width: float, stripe: float, stripe_width: float) -> float:
    """Log Z by quadrature in polar coordinates, to about 1e-14."""
    # Gauss-Legendre over the radius, of which more nodes are no more exact and take a
    # second to find; the trapezoidal rule is spectral over the angle.
    nodes, weights = np.polynomial.legendre.leggauss(100)
    low, high = max(0.0, radius - 12.0 * width), radius + 12.0 * width
    r = 0.5 * (high + low) + 0.5 * (high - low) * nodes
    angle = 2.0 * math.pi * np.arange(1024) / 1024
    radial = r * np.exp(-0.5 * ((r - radius) / width) ** 2)
    z1 = r[:, np.newaxis] * np.cos(angle)
    # By symmetry, both stripes weigh the same.
    stripes = 2.0 * np.exp(-0.5 * ((z1 - stripe) / stripe_width) ** 2)
    along = 2.0 * math.pi * np.mean(stripes, axis=-1)
    return math.log(0.5 * (high - low) * np.sum(weights * radial * along))
