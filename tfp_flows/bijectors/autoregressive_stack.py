"""K autoregressive layers as one bijector."""

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors.autoregressive import OfMaskedNetworks
from tfp_flows.bijectors.autoregressive_layer import (
    MaskedNetworks,
    check_autoregressive_shapes,
    mask_networks,
)
from tfp_flows.bijectors.layer_stack import LayerStack
from tfp_flows.bijectors.one_pass import parameter


class AutoregressiveStack(LayerStack, OfMaskedNetworks):
    """K autoregressive layers, applied first to last; every second one is reversed.

    Equal to `tfb.Chain([Autoregressive(w[K-1], ...), ..., Autoregressive(w[0], ...)])`,
    with `reverse=True` in the second, fourth and so on, in value and log-det-Jacobian
    (see `Autoregressive` for the formulas), with four variables instead of 4 K and a
    compile time that does not grow with K.

    #### Examples

    ```python
    stack = tff.bijectors.AutoregressiveStack(w, b, v, c)
    # w: [K, H, D], b: [K, H], v: [K, 2, D, H], c: [K, 2, D]
    y = stack.forward(x)                                # x: [..., D] -> [..., D]
    stack.forward_log_det_jacobian(x)                   # [...]
    ```

    #### References

    [1]: D. P. Kingma, T. Salimans, R. Jozefowicz, X. Chen, I. Sutskever and M. Welling.
         Improved Variational Inference with Inverse Autoregressive Flow. NeurIPS 2016.
         https://arxiv.org/abs/1606.04934
    """

    _sizes: ClassVar = dict(w="K, H, D", b="K, H", v="K, 2, D, H", c="K, 2, D")

    def __init__(
        self,
        w: npt.ArrayLike,
        b: npt.ArrayLike,
        v: npt.ArrayLike,
        c: npt.ArrayLike,
        validate_args: bool = False,
        name: str = "autoregressive_stack",
    ) -> None:
        """Builds K autoregressive layers, or a batch of such stacks.

        Args:
          w: Floating `Tensor` or `tf.Variable` of shape `[..., K, H, D]`. The batch
            shapes of all parameters broadcast together, and against that of the points.
          b: Floating `Tensor` or `tf.Variable` of shape `[..., K, H]`.
          v: Floating `Tensor` or `tf.Variable` of shape `[..., K, 2, D, H]`.
          c: Floating `Tensor` or `tf.Variable` of shape `[..., K, 2, D]`.
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
            dict(w=w, b=b, v=v, c=c),
            parameters=parameters,
            validate_args=validate_args,
            name=name,
        )

    def _check_shapes(self) -> None:
        super()._check_shapes()
        check_autoregressive_shapes("AutoregressiveStack", self._tensors(), layers="K, ")

    @classmethod
    def _parameter_properties(cls, dtype: tf.DType) -> dict:
        return dict(
            w=tfp.util.ParameterProperties(event_ndims=3),
            b=tfp.util.ParameterProperties(event_ndims=2),
            v=tfp.util.ParameterProperties(event_ndims=4),
            c=tfp.util.ParameterProperties(event_ndims=3),
        )

    w = parameter("w", "The weights of the hidden units, `[..., K, H, D]`.")
    b = parameter("b", "The offsets of the hidden units, `[..., K, H]`.")
    v = parameter("v", "The weights of shifts and log scales, `[..., K, 2, D, H]`.")
    c = parameter("c", "The offsets of shifts and log scales, `[..., K, 2, D]`.")

    @property
    def _reversed_layers(self) -> np.ndarray:
        return np.arange(self.num_layers) % 2 == 1

    def _constrained(self) -> MaskedNetworks:
        values = {k: tf.convert_to_tensor(value) for k, value in self._tensors().items()}
        return mask_networks(**values, reverse=self._reversed_layers)
