"""Amortised planar layers, also of a w(h) that passes through zero."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors, numerics
from tfp_flows.bijectors.sylvester_layer import product_factors
from tfp_flows.layers.amortized import Amortized

_CONSTRAINTS = ("softplus", "asinh")
# softplus(x) = 1 here.
_ONE = math.log(math.e - 1.0)


@keras.saving.register_keras_serializable(package="tfp_flows")
class AmortizedPlanar(Amortized):
    """K planar layers per data point, with parameters from h: `[z0, h] -> (zK, log_det)`.

    ```none
    (u, w, b) = kernel h + bias,    z_k = z_{k-1} + u_hat_k tanh(w_k.z_{k-1} + b_k),
    log_det = sum_k log(1 + w_k.u_hat_k sech^2(w_k.z_{k-1} + b_k)).
    ```

    See `tff.bijectors.Planar` for u_hat. In a variational autoencoder ([1], section 4),
    with q0 = N(mu(h), sigma(h)^2), log q(zK | x) = log q0(z0 | x) - log_det.

    #### Example

    ```python
    zK, log_det = tff.layers.AmortizedPlanar(20)([z0, h])   # [B, D], [B, H]
    ```

    Called on z0 of shape `[..., B, D]` and h of shape `[B, H]`: leading axes are samples
    for the same data point, as importance weighting needs. Returns zK of shape
    `[..., B, D]` and log_det of shape `[..., B]`, in the dtype of the variables (float32
    under mixed precision).

    #### References

    [1]: D. J. Rezende and S. Mohamed. Variational Inference with Normalizing Flows.
         ICML 2015. https://arxiv.org/abs/1505.05770
    """

    family_class = bijectors.PlanarFamily

    def __init__(
        self,
        num_layers: int,
        *,
        constraint: str | None = None,
        init_scale: float = 0.1,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Builds the layer.

        Args:
          num_layers: K, Python `int`.
          constraint: how w.u_hat > -1 is kept. "softplus" is that of [1], by which u_hat
            goes to infinity where w(h) passes through zero. "asinh" is that of Sylvester
            layers, smooth there, with the same maps: u_hat = u + (sqrt(1 + (w.u)^2) - 1)
            w / ||w||^2. `None` is "asinh" for D = 1, where w(h) is a number that cannot
            change its sign otherwise, and "softplus" for D > 1, where it goes around 0.
          init_scale: how far from the identity the flow starts, the standard deviation of
            the initial displacements; 0 is the identity.
          seed: Python `int`, seed of the initial values; `None` leaves it to
            `keras.utils.set_random_seed`.
          **kwargs: `name`, `dtype` and what else `keras.layers.Layer` takes.

        Raises:
          ValueError: if `num_layers` is no integer >= 1, `constraint` is unknown, or
            `init_scale` is negative; when called, if the shapes of the inputs do not fit.
          TypeError: if `seed` is no integer; when called, if an input is not floating.
        """
        super().__init__(num_layers, init_scale=init_scale, seed=seed, **kwargs)
        if constraint is not None and constraint not in _CONSTRAINTS:
            raise ValueError(
                "`constraint` must be None or one of "
                f"{', '.join(map(repr, _CONSTRAINTS))}, but got {constraint!r}."
            )
        self.constraint = constraint

    def initial_values(self, event_size: int) -> dict[str, np.ndarray]:
        """As of the base class, for this constraint."""
        values = super().initial_values(event_size)
        default = "asinh" if event_size == 1 else "softplus"
        self._is_smooth = (self.constraint or default) == "asinh"
        if self._is_smooth:
            values["u"] = _initial_displacement(values["u"], values["w"])
        return values

    def parameters(self, values: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """As of the base class, for this constraint."""
        if self._is_smooth:
            values = values | dict(u=_planar_displacement(values["u"], values["w"]))
        return super().parameters(values)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, for `from_config`."""
        return super().get_config() | dict(constraint=self.constraint)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "AmortizedPlanar":
        """The layer of a `get_config`; one that names no constraint had the paper's."""
        return super().from_config(dict(constraint="softplus") | config)


def _initial_displacement(u: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The v of `_planar_displacement` near the identity, where u of `Planar` is near it.

    Args:
      u: array of shape `[..., D]`, near log(e - 1) w / ||w||^2, which is the identity.
      w: array of shape `[..., D]`.

    Returns:
      Array of shape `[..., D]`, near 0.
    """
    return u - _ONE * w / np.sum(np.square(w), axis=-1, keepdims=True)


def _planar_displacement(v: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
    """The parameter u of `tff.bijectors.Planar`, from one without a singularity at w = 0.

    The paper's u_hat = u + (m(w.u) - w.u) w / ||w||^2 with m(x) = softplus(x) - 1 goes to
    infinity as w -> 0, because m(0) is not 0. With x = w.v and the factor of Sylvester
    layers, 1 + w.u_hat = exp(asinh(x)),

        u_hat = v + (sqrt(1 + x^2) - 1) w / ||w||^2

    has the same range, is v to first order, and is never more than ||v|| from it.

    Args:
      v: `Tensor` of shape `[..., D]`.
      w: `Tensor` of shape `[..., D]`.

    Returns:
      `Tensor` of shape `[..., D]`, the u for which `Planar(u, w, b)` has this u_hat.
    """
    # In float64, as u_hat is computed there: w.u keeps more digits than u shows.
    dtype = v.dtype
    v, w = tf.cast(v, tf.float64), tf.cast(w, tf.float64)
    x = tf.reduce_sum(w * v, axis=-1, keepdims=True)
    _, q, _, _ = product_factors(x)
    direction, _ = numerics.divide_by_squared_norm(w)
    # With m(w.u) = q - 1 = x + sqrt(1 + x^2) - 1, u = u_hat - (q - 1 - w.u) w / ||w||^2.
    u = v + (tfp.math.softplus_inverse(q) - x) * direction
    return tf.cast(u, dtype)
