"""The radial flow, one layer."""

import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.bijectors.one_pass import OnePass, parameter
from tfp_flows.bijectors.radial_layer import (
    RadialLayers,
    check_radial,
    constrain_radial,
    radial_log_det,
    radial_scale,
    radial_score,
    solve_radius,
)


class Radial(OnePass):
    """`f(z) = z + beta_hat / (alpha + r) (z - center)`, `r = ||z - center||`.

    The radial flow of [1], eq. 14, with the invertibility constraint of its appendix
    A.2 built in, so that every real `beta` gives a bijection:

    ```none
    beta_hat = p - alpha > -alpha,    p = softplus(beta),
    f(z) = center + (p + r) / (alpha + r) (z - center),
    log|det df/dz| = (D - 1) log((p + r) / (alpha + r))
                     + log((r^2 + 2 alpha r + alpha p) / (alpha + r)^2).
    ```

    #### Meaning of the parameters

    - `center` is the fixed point; displacements are along rays from it.
    - `alpha > 0` is the radius within which the map acts most.
    - `beta` sets the scale at the center, `p / alpha`: `p > alpha` pushes points
      away, `p < alpha` draws them in, `p = alpha` is the identity.

    #### Examples

    ```python
    radial = tff.bijectors.Radial(center=[0., 1.], alpha=1., beta=2.)
    y = radial.forward(x)                      # x: [..., 2] -> [..., 2]
    radial.forward_log_det_jacobian(x)         # [...]
    ```

    Deviations from [1]: the paper writes `z_0` for `center`; the log-det-Jacobian is
    evaluated by `tfp_flows.numerics.log_blend`, with positive terms only, and the
    gradient of `r` at the center is defined as 0.

    #### References

    [1]: D. J. Rezende and S. Mohamed. Variational Inference with Normalizing Flows.
         ICML 2015. https://arxiv.org/abs/1505.05770
    """

    def __init__(
        self,
        center: npt.ArrayLike,
        alpha: npt.ArrayLike,
        beta: npt.ArrayLike,
        validate_args: bool = False,
        name: str = "radial",
    ) -> None:
        """Builds one radial layer, or a batch of them.

        Args:
          center: Floating `Tensor` or `tf.Variable` of shape `[..., D]`.
          alpha: Positive floating `Tensor` or `tf.Variable` of shape `[...]`. The batch
            shapes of all parameters broadcast together, and against that of the points.
          beta: Floating `Tensor` or `tf.Variable` of shape `[...]`.
          validate_args: Python `bool`: whether to check, at run time too, that
            `alpha > 0` and that the parameters are finite. Otherwise bad values give
            bad results.
          name: Python `str`, prefix of the names of the ops.

        Raises:
          TypeError: if the parameters differ in dtype or are not floating-point.
          ValueError: if `center` is a scalar.
          InvalidArgumentError: with `validate_args`, if `alpha <= 0`.
        """
        parameters = dict(locals())
        super().__init__(
            dict(center=center, alpha=alpha, beta=beta),
            parameters=parameters,
            validate_args=validate_args,
            name=name,
        )

    def _check_shapes(self) -> None:
        numerics.check_same_event("Radial", center=self.center)

    @classmethod
    def _parameter_properties(cls, dtype: tf.DType) -> dict:
        return dict(
            center=tfp.util.ParameterProperties(event_ndims=1),
            alpha=tfp.util.ParameterProperties(
                event_ndims=0,
                shape_fn=lambda sample_shape: sample_shape[:-1],
                default_constraining_bijector_fn=lambda: tfp.bijectors.Softplus(
                    low=tf.constant(numerics.epsilon(dtype), dtype)
                ),
            ),
            beta=tfp.util.ParameterProperties(
                event_ndims=0, shape_fn=lambda sample_shape: sample_shape[:-1]
            ),
        )

    center = parameter("center", "The fixed point `center`, `[..., D]`.")
    alpha = parameter("alpha", "The radius `alpha > 0`, `[...]`.")
    beta = parameter("beta", "The unconstrained strength `beta`, `[...]`.")

    @property
    def injectivity_margin(self) -> tf.Tensor:
        """`1 + beta_hat / alpha = p / alpha > 0`, `[...]`: the slope at the center.

        The least slope of the map if below 1. Where it nears 0 the map flattens: the
        inverse amplifies rounding by up to `1 / injectivity_margin`.
        """
        return self._constrained().q

    def forward_score(self, x: tf.Tensor, score: tf.Tensor) -> tf.Tensor:
        """The score of the image, the gradient of its log density, without an inverse.

        Args:
          x: `Tensor` of shape `[..., D]`.
          score: `Tensor` of the shape of `x`, d log p(x) / dx.

        Returns:
          `Tensor` of shape `[..., D]`: J^-T (score - d log|det J| / dx), the score at
          `forward(x)`. At the center, where the log-det has no gradient, that of 0.
        """
        x = tf.convert_to_tensor(x, dtype=self.dtype)
        layer = self._constrained()
        return radial_score(_offset(x, layer), score, layer)

    def _constrained(self) -> RadialLayers:
        """Reads the parameters, each once."""
        return constrain_radial(
            *(tf.convert_to_tensor(p) for p in (self.center, self.alpha, self.beta))
        )

    def _forward_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        layer = self._constrained()
        offset = _offset(x, layer)
        r = numerics.safe_norm(offset)
        y = layer.center + radial_scale(r, layer)[..., tf.newaxis] * offset
        return y, radial_log_det(r, layer, event_size=tf.shape(offset)[-1])

    def _inverse_and_log_det(self, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        layer = self._constrained()
        offset = _offset(y, layer)
        r = solve_radius(numerics.safe_norm(offset), layer)
        x = layer.center + offset / radial_scale(r, layer)[..., tf.newaxis]
        # At the center, no gradient: where p is tiny, r has one of alpha / p times 0.
        r = tf.where(tf.equal(r, 0.0), tf.zeros_like(r), r)
        return x, radial_log_det(r, layer, event_size=tf.shape(offset)[-1])

    def _parameter_control_dependencies(self, is_init: bool) -> list:
        if not self.validate_args:
            return []
        return check_radial(is_init, "Radial", **self._tensors())


def _offset(point: tf.Tensor, layer: RadialLayers) -> tf.Tensor:
    """The vector from the center to `point`, `[..., D]`."""
    numerics.check_event_size(point, layer.center, bijector="Radial", name="center")
    return point - layer.center
