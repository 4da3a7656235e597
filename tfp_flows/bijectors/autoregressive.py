"""The inverse autoregressive flow, one layer."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.bijectors.autoregressive_forward import forward_autoregressive
from tfp_flows.bijectors.autoregressive_layer import (
    MaskedNetworks,
    check_autoregressive_shapes,
    mask_networks,
)
from tfp_flows.bijectors.autoregressive_substitution import (
    inverse_autoregressive,
    score_autoregressive,
)
from tfp_flows.bijectors.layer_stack import OnSamples
from tfp_flows.bijectors.one_pass import parameter


class OfMaskedNetworks(OnSamples):
    """Base of bijectors of autoregressive layers, whose parameters are `_tensors()`."""

    _event_ndims = MaskedNetworks(w=3, b=2, v=4, c=3)
    _sized_parameter = "w"

    @property
    def _reversed_layers(self) -> np.ndarray:
        """Which of the K layers take the last coordinate first, `bool` `[K]`."""
        raise NotImplementedError

    def _forward_samples(self, x: tf.Tensor, layers: MaskedNetworks) -> tuple:
        return forward_autoregressive(x, layers)

    def _inverse_samples(self, y: tf.Tensor, layers: MaskedNetworks) -> tuple:
        return inverse_autoregressive(y, layers, self._reversed_layers)

    def _log_dets(
        self, held: tf.Tensor, layers: MaskedNetworks, size: tf.Tensor
    ) -> tf.Tensor:
        return held

    def _score_samples(
        self, score: tf.Tensor, x: tf.Tensor, layers: MaskedNetworks
    ) -> tf.Tensor:
        return score_autoregressive(score, x, layers, self._reversed_layers)


class Autoregressive(OfMaskedNetworks):
    """`f(z)_d = shift_d + scale_d z_d`, both of the coordinates before d.

    The inverse autoregressive flow of [1], by a network of one hidden layer that is
    masked as in [2]: `f` and its log-det-Jacobian, of a triangular matrix, take one pass,

    ```none
    (shift, a) = c + v silu(b + w z),    scale = e^(5 tanh(a / 5)),
    log|det df/dz| = sum_d 5 tanh(a_d / 5).
    ```

    #### The masks

    Hidden unit j sees the first `m_j = 1 + floor(j (D - 1) / H)` coordinates, the other
    entries `w[j, m_j:]` have no effect; and coordinate d, counted from 0, gets shift and
    scale from the units with `m_j <= d`, the other entries of `v[:, d]` have none either.
    With `reverse`, all of this is of the coordinates last to first.

    #### Meaning of the parameters

    - `v = 0, c = 0` is the identity. All parameters give a bijection, whose scales are
      within e^-5 and e^5.
    - The first coordinate is moved by `c` alone. A flow of several layers takes turns, so
      that each coordinate is moved by all others.

    #### The inverse

    A coordinate of the inverse needs those before it: D steps that wait for one another,
    in `log_prob` of points that are not samples. Together they take the products of one
    pass, as each evaluates the hidden units that it completes; so does `forward_score`.

    #### Examples

    ```python
    layer = tff.bijectors.Autoregressive(w, b, v, c)
    # w: [40, 10], b: [40], v: [2, 10, 40], c: [2, 10]
    y, log_det = layer.forward_and_log_det(x)       # x: [..., 10]
    ```

    Deviations from [1]: the activation of the hidden units is s sigmoid(s) rather than
    ELU; scales are bounded powers of e rather than sigmoids (eq. 14), which contract only
    and do not reach the identity.

    #### References

    [1]: D. P. Kingma, T. Salimans, R. Jozefowicz, X. Chen, I. Sutskever and M. Welling.
         Improved Variational Inference with Inverse Autoregressive Flow. NeurIPS 2016.
         https://arxiv.org/abs/1606.04934

    [2]: M. Germain, K. Gregor, I. Murray and H. Larochelle. MADE: Masked Autoencoder for
         Distribution Estimation. ICML 2015. https://arxiv.org/abs/1502.03509
    """

    def __init__(
        self,
        w: npt.ArrayLike,
        b: npt.ArrayLike,
        v: npt.ArrayLike,
        c: npt.ArrayLike,
        reverse: bool = False,
        validate_args: bool = False,
        name: str = "autoregressive",
    ) -> None:
        """Builds one autoregressive layer, or a batch of them.

        Args:
          w: Floating `Tensor` or `tf.Variable` of shape `[..., H, D]`. The batch shapes
            of all parameters broadcast together, and against that of the points.
          b: Floating `Tensor` or `tf.Variable` of shape `[..., H]`.
          v: Floating `Tensor` or `tf.Variable` of shape `[..., 2, D, H]`: the weights of
            the shifts, then those of the a.
          c: Floating `Tensor` or `tf.Variable` of shape `[..., 2, D]`.
          reverse: Python `bool`: whether the coordinates are taken last to first.
          validate_args: Python `bool`: whether to check, at run time too, that the
            parameters are finite. Otherwise bad values give bad results.
          name: Python `str`, prefix of the names of the ops.

        Raises:
          TypeError: if the parameters differ in dtype or are not floating-point, or
            `reverse` is no `bool`.
          ValueError: if the shapes do not fit.
        """
        parameters = dict(locals())
        self._reverse = numerics.check_flag("reverse", reverse)
        super().__init__(
            dict(w=w, b=b, v=v, c=c),
            parameters=parameters,
            validate_args=validate_args,
            name=name,
        )

    def _check_shapes(self) -> None:
        check_autoregressive_shapes("Autoregressive", self._tensors())

    @classmethod
    def _parameter_properties(cls, dtype: tf.DType) -> dict:
        # A layer can be of any H; TFP's default initialisers get D.
        return dict(
            w=_properties(lambda d: [d, d]),
            b=_properties(lambda d: [d]),
            v=_properties(lambda d: [2, d, d]),
            c=_properties(lambda d: [2, d]),
        )

    w = parameter("w", "The weights of the hidden units, `[..., H, D]`.")
    b = parameter("b", "The offsets of the hidden units, `[..., H]`.")
    v = parameter("v", "The weights of shifts and log scales, `[..., 2, D, H]`.")
    c = parameter("c", "The offsets of shifts and log scales, `[..., 2, D]`.")

    @property
    def reverse(self) -> bool:
        """Whether the coordinates are taken last to first, a Python `bool`."""
        return self._reverse

    @property
    def _reversed_layers(self) -> np.ndarray:
        return np.array([self.reverse])

    def _constrained(self) -> MaskedNetworks:
        # As a stack of one layer.
        w, b, v, c = (tf.convert_to_tensor(p) for p in (self.w, self.b, self.v, self.c))
        return mask_networks(
            w[..., tf.newaxis, :, :],
            b[..., tf.newaxis, :],
            v[..., tf.newaxis, :, :, :],
            c[..., tf.newaxis, :, :],
            self._reversed_layers,
        )


def _properties(event_shape_fn: Callable) -> tfp.util.ParameterProperties:
    """Of a parameter whose event shape is a function of D."""

    def shape_fn(sample_shape: tf.TensorShape | tf.Tensor) -> list | tf.Tensor:
        event_shape = event_shape_fn(sample_shape[-1])
        if tf.is_tensor(sample_shape):
            return tf.concat([sample_shape[:-1], event_shape], axis=0)
        return [*sample_shape[:-1], *event_shape]

    return tfp.util.ParameterProperties(
        event_ndims=len(event_shape_fn(1)), shape_fn=shape_fn
    )
