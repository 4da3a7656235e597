"""K radial layers as one bijector."""

from typing import ClassVar

import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.bijectors.layer_stack import LayerStack, OnSamples
from tfp_flows.bijectors.one_pass import parameter
from tfp_flows.bijectors.radial_layer import (
    RadialLayers,
    check_radial,
    constrain_radial,
    radial_log_det,
)
from tfp_flows.bijectors.radial_recurrence import (
    forward_radial,
    inverse_radial,
    score_radial,
)


class RadialStack(LayerStack, OnSamples):
    """K radial layers, applied first to last: the flow of [1], eq. 7 with eq. 14.

    Equal to `tfb.Chain([Radial(center[K-1], ...), ..., Radial(center[0], ...)])` in
    value and log-det-Jacobian (see `Radial` for the formulas), with three variables
    instead of 3 K and a compile time that does not grow with K.

    #### Examples

    ```python
    stack = tff.bijectors.RadialStack(center, alpha, beta)   # [K, D], [K], [K]
    y = stack.forward(x)                                     # x: [..., D] -> [..., D]
    stack.forward_log_det_jacobian(x)                        # [...]
    ```

    #### References

    [1]: D. J. Rezende and S. Mohamed. Variational Inference with Normalizing Flows.
         ICML 2015. https://arxiv.org/abs/1505.05770
    """

    _sizes: ClassVar = dict(center="K, D", alpha="K", beta="K")
    _sized_parameter = "center"
    _event_ndims = RadialLayers(center=2, alpha=1, p=1, q=1, q_minus_one=1, log_q=1)

    def __init__(
        self,
        center: npt.ArrayLike,
        alpha: npt.ArrayLike,
        beta: npt.ArrayLike,
        validate_args: bool = False,
        name: str = "radial_stack",
    ) -> None:
        """Builds K radial layers, or a batch of such stacks.

        Args:
          center: Floating `Tensor` or `tf.Variable` of shape `[..., K, D]`.
          alpha: Positive floating `Tensor` or `tf.Variable` of shape `[..., K]`. The
            batch shapes of all parameters broadcast together, and against that of the
            points.
          beta: Floating `Tensor` or `tf.Variable` of shape `[..., K]`.
          validate_args: Python `bool`: whether to check, at run time too, that
            `alpha > 0` and that the parameters are finite. Otherwise bad values give
            bad results.
          name: Python `str`, prefix of the names of the ops.

        Raises:
          TypeError: if the parameters differ in dtype or are not floating-point.
          ValueError: if K differs between parameters, is 0 or not static.
          InvalidArgumentError: with `validate_args`, if `alpha <= 0`.
        """
        parameters = dict(locals())
        super().__init__(
            dict(center=center, alpha=alpha, beta=beta),
            parameters=parameters,
            validate_args=validate_args,
            name=name,
        )

    @classmethod
    def _parameter_properties(cls, dtype: tf.DType) -> dict:
        return dict(
            center=tfp.util.ParameterProperties(event_ndims=2),
            alpha=tfp.util.ParameterProperties(
                event_ndims=1,
                default_constraining_bijector_fn=lambda: tfp.bijectors.Softplus(
                    low=tf.constant(numerics.epsilon(dtype), dtype)
                ),
            ),
            beta=tfp.util.ParameterProperties(event_ndims=1),
        )

    center = parameter("center", "The fixed points `center`, `[..., K, D]`.")
    alpha = parameter("alpha", "The radii `alpha > 0`, `[..., K]`.")
    beta = parameter("beta", "The unconstrained strengths `beta`, `[..., K]`.")

    @property
    def injectivity_margin(self) -> tf.Tensor:
        """`1 + beta_hat / alpha > 0` of each layer, `[..., K]`; see `Radial`."""
        return self._constrained().q

    def _constrained(self) -> RadialLayers:
        return constrain_radial(
            *(tf.convert_to_tensor(p) for p in (self.center, self.alpha, self.beta))
        )

    _forward_samples = staticmethod(forward_radial)
    _inverse_samples = staticmethod(inverse_radial)
    _score_samples = staticmethod(score_radial)

    def _log_dets(
        self, held: tf.Tensor, layers: RadialLayers, size: tf.Tensor
    ) -> tf.Tensor:
        scalars = (value[..., tf.newaxis] for value in layers[1:])
        return radial_log_det(held, RadialLayers(None, *scalars), event_size=size)

    def _parameter_control_dependencies(self, is_init: bool) -> list:
        if not self.validate_args:
            return []
        return check_radial(is_init, "RadialStack", **self._tensors())
