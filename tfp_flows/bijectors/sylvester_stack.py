"""K Sylvester layers as one bijector."""

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors.layer_stack import LayerStack, OfTanhUnits
from tfp_flows.bijectors.one_pass import parameter
from tfp_flows.bijectors.planar_layer import TanhUnits
from tfp_flows.bijectors.sylvester_layer import (
    check_sylvester_shapes,
    constrain_sylvester,
)
from tfp_flows.bijectors.sylvester_recurrence import forward_sylvester, merge_units


class SylvesterStack(LayerStack, OfTanhUnits):
    """K Sylvester layers, applied first to last: the flow of [1], section 4.

    Equal to `tfb.Chain([Sylvester(r[K-1], ...), ..., Sylvester(r[0], ...)])` in value and
    log-det-Jacobian (see `Sylvester` for the formulas and the forms), with four variables
    instead of 4 K and a compile time that does not grow with K. In the triangular form
    every second layer reverses the coordinates.

    #### Examples

    ```python
    stack = tff.bijectors.SylvesterStack(r, r2, b, v)   # r, r2: [K, M, M], b: [K, M]
    y = stack.forward(x)                                # x: [..., D] -> [..., D]
    stack.forward_log_det_jacobian(x)                   # [...]
    ```

    #### References

    [1]: R. van den Berg, L. Hasenclever, J. M. Tomczak and M. Welling. Sylvester
         Normalizing Flows for Variational Inference. UAI 2018.
         https://arxiv.org/abs/1803.05649
    """

    _sizes: ClassVar = dict(r="K, M, M", r2="K, M, M", b="K, M", v="K, H, D")

    _OPTIONAL = ("v",)

    def __init__(
        self,
        r: npt.ArrayLike,
        r2: npt.ArrayLike,
        b: npt.ArrayLike,
        v: npt.ArrayLike | None = None,
        validate_args: bool = False,
        name: str = "sylvester_stack",
    ) -> None:
        """Builds K Sylvester layers, or a batch of such stacks.

        Args:
          r: Floating `Tensor` or `tf.Variable` of shape `[..., K, M, M]`. The batch
            shapes of all parameters broadcast together, and against that of the points.
          r2: Like `r`.
          b: Floating `Tensor` or `tf.Variable` of shape `[..., K, M]`.
          v: Floating `Tensor` or `tf.Variable` of shape `[..., K, H, D]`, D >= M; `None`
            is the triangular form, of D = M.
          validate_args: Python `bool`: whether to check, at run time too, that the
            parameters are finite. Otherwise bad values give bad results.
          name: Python `str`, prefix of the names of the ops.

        Raises:
          TypeError: if the parameters differ in dtype or are not floating-point.
          ValueError: if the shapes do not fit, or K differs between parameters, is 0 or
            not static.
        """
        parameters = dict(locals())
        super().__init__(
            dict(r=r, r2=r2, b=b, v=v),
            parameters=parameters,
            validate_args=validate_args,
            name=name,
        )

    def _check_shapes(self) -> None:
        super()._check_shapes()
        check_sylvester_shapes("SylvesterStack", self._tensors(), layers="K, ")

    @classmethod
    def _parameter_properties(cls, dtype: tf.DType) -> dict:
        return dict(
            r=tfp.util.ParameterProperties(event_ndims=3),
            r2=tfp.util.ParameterProperties(event_ndims=3),
            b=tfp.util.ParameterProperties(event_ndims=2),
            v=tfp.util.ParameterProperties(event_ndims=3),
        )

    r = parameter("r", "The matrices `r`, `[..., K, M, M]`, of R before the constraint.")
    r2 = parameter(
        "r2", "The matrices `r2`, `[..., K, M, M]`, whose upper triangles are R2."
    )
    b = parameter("b", "The offsets `b` of the pre-activations, `[..., K, M]`.")
    v = parameter("v", "The normals of the reflections, `[..., K, H, D]`, or `None`.")

    @property
    def injectivity_margin(self) -> tf.Tensor:
        """The least `1 + R_mm R2_mm > 0` of each layer's units, `[..., K]`."""
        return tf.reduce_min(self._units().q, axis=-1)

    @property
    def _sized_parameter(self) -> str:
        return "r" if self.v is None else "v"

    def _units(self) -> TanhUnits:
        """The units, `[..., K, M]`; reads each parameter once."""
        values = {k: tf.convert_to_tensor(value) for k, value in self._tensors().items()}
        takes_turns = self.v is None and np.arange(self.num_layers) % 2 == 1
        reverse = np.asarray(takes_turns)[..., np.newaxis, np.newaxis]
        return constrain_sylvester(**values, reverse=reverse)

    def _constrained(self) -> TanhUnits:
        return merge_units(self._units())

    def _forward_samples(self, x: tf.Tensor, layers: TanhUnits) -> tuple:
        return forward_sylvester(x, layers, self.num_layers)
