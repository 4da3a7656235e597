"""The Keras layers of the families of the package."""

from typing import Any

import keras

from tfp_flows import bijectors
from tfp_flows.layers.amortized import Amortized
from tfp_flows.layers.amortized_planar import AmortizedPlanar
from tfp_flows.layers.base import FlowLayer
from tfp_flows.layers.shared import Shared

__all__ = [
    "AmortizedAutoregressive",
    "AmortizedPlanar",
    "AmortizedRadial",
    "AmortizedSylvester",
    "SharedAutoregressive",
    "SharedPlanar",
    "SharedRadial",
    "SharedSylvester",
]


class _Sylvester(FlowLayer):
    """The arguments of both kinds of Sylvester layers."""

    family_class = bijectors.SylvesterFamily

    def __init__(
        self,
        num_layers: int,
        num_units: int | None = None,
        form: str = "orthogonal",
        *,
        num_reflections: int | None = None,
        init_scale: float = 0.1,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Builds the layer.

        Args:
          num_layers: K, Python `int`.
          num_units: M <= D, Python `int`, of the orthogonal form; `None` is min(D, 8).
            The other forms have M = D.
          form: `"orthogonal"`, `"householder"` or `"triangular"`; in the last, every
            second layer reverses the coordinates.
          num_reflections: H, Python `int`, of the householder form; `None` is min(D, 8).
          init_scale: standard deviation of the entries of the initial R.
          seed: Python `int`, seed of the initial values; `None` leaves it to
            `keras.utils.set_random_seed`.
          **kwargs: `name`, `dtype` and what else `keras.layers.Layer` takes.

        Raises:
          ValueError: if a size is no integer >= 1, `form` is unknown, or a size is given
            to a form that has no choice of it; when called, if the shapes of the inputs
            do not fit.
          TypeError: if `seed` is no integer; when called, if an input is not floating.
        """
        super().__init__(
            num_layers,
            num_units=num_units,
            form=form,
            num_reflections=num_reflections,
            init_scale=init_scale,
            seed=seed,
            **kwargs,
        )


@keras.saving.register_keras_serializable(package="tfp_flows")
class AmortizedRadial(Amortized):
    """K radial layers per data point, with parameters from h: `[z0, h] -> (zK, log_det)`.

    ```none
    (center, a, beta) = kernel h + bias,    alpha = softplus(a),
    z_k = z_{k-1} + beta_hat_k / (alpha_k + r_k) (z_{k-1} - center_k).
    ```

    See `tff.bijectors.Radial` for beta_hat, r and the log-det, and `AmortizedPlanar` for
    the shapes, arguments and errors.

    #### Example

    ```python
    zK, log_det = tff.layers.AmortizedRadial(20)([z0, h])   # [B, D], [B, H]
    ```
    """

    family_class = bijectors.RadialFamily


@keras.saving.register_keras_serializable(package="tfp_flows")
class AmortizedSylvester(_Sylvester, Amortized):
    """K Sylvester layers per data point, with parameters from h.

    ```none
    (r, r2, b, v) = kernel h + bias,    z_k = z_{k-1} + Q R tanh(R2 Q^T z_{k-1} + b),
    ```

    as [1] has it, but for how Q is kept orthonormal; see `tff.bijectors.Sylvester` for
    that, the constraint and the log-det, and `AmortizedPlanar` for the shapes and errors.

    #### Example

    ```python
    layer = tff.layers.AmortizedSylvester(4, 8, form="orthogonal")
    zK, log_det = layer([z0, h])                     # [B, D], [B, H]
    ```

    #### References

    [1]: R. van den Berg, L. Hasenclever, J. M. Tomczak and M. Welling. Sylvester
         Normalizing Flows for Variational Inference. UAI 2018.
         https://arxiv.org/abs/1803.05649
    """


@keras.saving.register_keras_serializable(package="tfp_flows")
class AmortizedAutoregressive(Amortized):
    """K autoregressive layers whose hidden units take offsets from h.

    ```none
    (b, c) = kernel h + bias,    z_k = shift_k(z_{k-1}, h) + scale_k(z_{k-1}, h) z_{k-1},
    ```

    as [1] has it: b `[K, H]` and c `[K, 2, D]` are of the data point, w `[K, H, D]` and v
    `[K, 2, D, H]` weights of the layer. See `tff.bijectors.Autoregressive` for shift and
    scale, and `AmortizedPlanar` for the shapes, arguments and errors; `hidden_units` is
    H, by default 64 + 2 D.

    #### Example

    ```python
    layer = tff.layers.AmortizedAutoregressive(2, hidden_units=64)
    zK, log_det = layer([z0, h])                     # [B, D], [B, H]
    ```

    #### References

    [1]: D. P. Kingma, T. Salimans, R. Jozefowicz, X. Chen, I. Sutskever and M. Welling.
         Improved Variational Inference with Inverse Autoregressive Flow. NeurIPS 2016.
         https://arxiv.org/abs/1606.04934
    """

    family_class = bijectors.AutoregressiveFamily


@keras.saving.register_keras_serializable(package="tfp_flows")
class SharedPlanar(Shared):
    """K planar layers as a Keras layer: `z0 -> (zK, log_det)`.

    ```none
    z_k = z_{k-1} + u_hat_k tanh(w_k.z_{k-1} + b_k),
    log_det = sum_k log(1 + w_k.u_hat_k sech^2(w_k.z_{k-1} + b_k)).
    ```

    See `tff.bijectors.Planar` for u_hat. u, w `[K, D]` and b `[K]` are Keras weights,
    which start near the identity; `layer.bijector` is the flow as a live
    `tff.bijectors.PlanarStack`, with the inverse.

    #### Example

    ```python
    zK, log_det = tff.layers.SharedPlanar(16)(z0)           # [..., D]
    ```

    Called on z0 of shape `[..., D]`, it returns zK of shape `[..., D]` and log_det of
    shape `[...]`, in the dtype of the variables (float32 under mixed precision).

    Source: D. J. Rezende and S. Mohamed. Variational Inference with Normalizing Flows.
    ICML 2015, eq. 10 and 13. https://arxiv.org/abs/1505.05770
    """

    family_class = bijectors.PlanarFamily


@keras.saving.register_keras_serializable(package="tfp_flows")
class SharedRadial(Shared):
    """K radial layers as a Keras layer: `z0 -> (zK, log_det)`.

    ```none
    z_k = z_{k-1} + beta_hat_k / (alpha_k + r_k) (z_{k-1} - center_k).
    ```

    See `tff.bijectors.Radial` for beta_hat, r and the log-det, and `SharedPlanar` for
    the shapes, arguments and errors. The weights are center `[K, D]`,
    alpha_unconstrained and beta `[K]`, with alpha = softplus(alpha_unconstrained).

    #### Example

    ```python
    zK, log_det = tff.layers.SharedRadial(16)(z0)           # [..., D]
    ```
    """

    family_class = bijectors.RadialFamily


@keras.saving.register_keras_serializable(package="tfp_flows")
class SharedSylvester(_Sylvester, Shared):
    """K Sylvester layers as a Keras layer: `z0 -> (zK, log_det)`.

    ```none
    z_k = z_{k-1} + Q R tanh(R2 Q^T z_{k-1} + b).
    ```

    See `tff.bijectors.Sylvester` for Q, the constraint and the log-det,
    `AmortizedSylvester` for the arguments, and `SharedPlanar` for the shapes and errors.
    The weights are r, r2 `[K, M, M]`, b `[K, M]` and v `[K, H, D]`.

    #### Example

    ```python
    layer = tff.layers.SharedSylvester(4, 8, form="orthogonal")
    zK, log_det = layer(z0)                                 # [..., D]
    ```
    """


@keras.saving.register_keras_serializable(package="tfp_flows")
class SharedAutoregressive(Shared):
    """K autoregressive layers as a Keras layer: `z0 -> (zK, log_det)`.

    ```none
    z_k = shift_k(z_{k-1}) + scale_k(z_{k-1}) z_{k-1}.
    ```

    See `tff.bijectors.Autoregressive` for shift, scale and the log-det, and
    `SharedPlanar` for the shapes, arguments and errors; `hidden_units` is H, by default
    64 + 2 D. The weights are w `[K, H, D]`, b `[K, H]`, v `[K, 2, D, H]`, c `[K, 2, D]`.

    #### Example

    ```python
    zK, log_det = tff.layers.SharedAutoregressive(3, hidden_units=40)(z0)     # [..., D]
    ```
    """

    family_class = bijectors.AutoregressiveFamily
