"""K planar layers as one bijector."""

from collections.abc import Callable
from typing import ClassVar

import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.bijectors.layer_stack import LayerStack, OfTanhUnits
from tfp_flows.bijectors.one_pass import parameter
from tfp_flows.bijectors.planar_compact import forward_compact
from tfp_flows.bijectors.planar_elementwise import forward_elementwise
from tfp_flows.bijectors.planar_layer import TanhUnits, constrain_planar

# The largest D for which the elementwise form is taken. Microseconds of a training step
# under XLA, elementwise / compact, of 500 samples on two cores: D=2: 98 / 185 (K=16) and
# 277 / 813 (K=64); D=8: 117 / 177 and 356 / 796; D=16: 171 / 204 and 448 / 831; D=32: 312
# / 272 and 677 / 893. Without XLA the compact form is 1.2 (D=2) to 1.6 times (D=8) as
# fast, and more above: D = 9 to 31 are left to it.
ELEMENTWISE_EVENT_SIZE = 8


def choose_forward(event_size: int | None) -> Callable:
    """The form of K layers, a function `(x, layers) -> (y, s)`, for D."""
    is_small = event_size is not None and event_size <= ELEMENTWISE_EVENT_SIZE
    return forward_elementwise if is_small else forward_compact


class PlanarStack(LayerStack, OfTanhUnits):
    """K planar layers, applied first to last: the flow of [1], eq. 7 with eq. 10.

    Equal to `tfb.Chain([Planar(u[K-1], ...), ..., Planar(u[0], ...)])` in value and
    log-det-Jacobian (see `Planar` for the formulas), with three variables instead of
    3 K and a compile time that does not grow with K.

    #### Examples

    ```python
    stack = tff.bijectors.PlanarStack(u, w, b)   # u, w: [K, D], b: [K]
    y = stack.forward(x)                         # x: [..., D] -> [..., D]
    stack.forward_log_det_jacobian(x)            # [...]
    ```

    #### References

    [1]: D. J. Rezende and S. Mohamed. Variational Inference with Normalizing Flows.
         ICML 2015. https://arxiv.org/abs/1505.05770
    """

    _sizes: ClassVar = dict(u="K, D", w="K, D", b="K")
    _sized_parameter = "w"

    def __init__(
        self,
        u: npt.ArrayLike,
        w: npt.ArrayLike,
        b: npt.ArrayLike,
        validate_args: bool = False,
        name: str = "planar_stack",
    ) -> None:
        """Builds K planar layers, or a batch of such stacks.

        Args:
          u: Floating `Tensor` or `tf.Variable` of shape `[..., K, D]`.
          w: Like `u`. The batch shapes of `u`, `w` and `b` broadcast together, and
            against the batch shape of the points.
          b: Floating `Tensor` or `tf.Variable` of shape `[..., K]`.
          validate_args: Python `bool`: whether to check, at run time too, that the
            parameters are finite. Otherwise bad values give bad results.
          name: Python `str`, prefix of the names of the ops.

        Raises:
          TypeError: if the parameters differ in dtype or are not floating-point.
          ValueError: if K or D differ between parameters, or K is 0 or not static.
        """
        parameters = dict(locals())
        super().__init__(
            dict(u=u, w=w, b=b),
            parameters=parameters,
            validate_args=validate_args,
            name=name,
        )

    def _check_shapes(self) -> None:
        super()._check_shapes()
        numerics.check_same_event("PlanarStack", u=self.u, w=self.w)

    @classmethod
    def _parameter_properties(cls, dtype: tf.DType) -> dict:
        return dict(
            u=tfp.util.ParameterProperties(event_ndims=2),
            w=tfp.util.ParameterProperties(event_ndims=2),
            b=tfp.util.ParameterProperties(event_ndims=1),
        )

    u = parameter("u", "The unconstrained displacements `u`, `[..., K, D]`.")
    w = parameter("w", "The normals of the hyperplanes `w`, `[..., K, D]`.")
    b = parameter("b", "The offsets of the hyperplanes `b`, `[..., K]`.")

    @property
    def u_hat(self) -> tf.Tensor:
        """The displacements after the constraint, `[..., K, D]`."""
        return self._constrained().u_hat

    @property
    def injectivity_margin(self) -> tf.Tensor:
        """`1 + w.u_hat > 0` of each layer, `[..., K]`; see `Planar`."""
        return self._constrained().q

    def _constrained(self) -> TanhUnits:
        return constrain_planar(
            *(tf.convert_to_tensor(p) for p in (self.u, self.w, self.b))
        )

    def _forward_samples(self, x: tf.Tensor, layers: TanhUnits) -> tuple:
        return choose_forward(x.shape[-1])(x, layers)
