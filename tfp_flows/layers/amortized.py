"""Flow layers whose parameters come from an encoder, one flow per data point."""

import keras
import tensorflow as tf

from tfp_flows.layers import flow_kinds
from tfp_flows.layers.base import FlowLayer, check_kind_arguments
from tfp_flows.layers.checks import (
    check_floating,
    check_pair,
    check_pair_of_shapes,
    check_vectors,
)


class Amortized(FlowLayer):
    """Base of the amortised layers: `[z0, h] -> (zK, log_det)`.

    A `keras.layers.Dense` takes h to the parameters of a flow for each data point. It
    starts with the near-identity parameters of the shared layer of the same kind as
    biases, and a kernel that moves them by `init_scale` or so per unit of h.
    """

    def build(self, input_shape):
        """Makes the map from h to the parameters."""
        name = type(self).__name__
        z_shape, h_shape = check_pair_of_shapes(name, input_shape)
        event_size = check_vectors(name, "z0", z_shape)
        check_vectors(name, "h", h_shape)
        self._shapes = self.kind.shapes(event_size)
        values = self.initial_values(event_size)
        bias = flow_kinds.join_parameters(values, self._shapes)
        self.dense = keras.layers.Dense(
            flow_kinds.parameter_count(self._shapes),
            kernel_initializer=keras.initializers.VarianceScaling(
                max(self.kind.init_scale, _LEAST_SCALE) ** 2,
                mode="fan_in",
                distribution="normal",
                seed=self.seed,
            ),
            bias_initializer=lambda shape, dtype=None: tf.cast(bias, dtype),
            dtype=self.dtype_policy,
            name="parameters",
        )
        self.dense.build(h_shape)
        self.built = True

    def call(self, inputs):
        """The image zK `[..., B, D]` of z0 and the log-det `[..., B]`."""
        z0, h = check_pair(type(self).__name__, inputs)
        check_floating(type(self).__name__, z0=z0, h=h)
        check_pair_of_shapes(type(self).__name__, [tuple(z0.shape), tuple(h.shape)])
        dtype = self.variable_dtype
        flat = tf.cast(self.dense(h), dtype)
        parameters = flow_kinds.split_parameters(flat, self._shapes)
        layers = self.kind.bijectors(**parameters)
        return flow_kinds.forward_and_log_det(layers, tf.cast(z0, dtype))

    def compute_output_shape(self, input_shape):
        """Shapes `[..., B, D]` and `[..., B]`."""
        z_shape, _ = check_pair_of_shapes(type(self).__name__, input_shape)
        return self.output_shapes(z_shape)

    def compute_output_spec(self, inputs):
        """Symbolic outputs."""
        z0, h = check_pair(type(self).__name__, inputs)
        check_floating(type(self).__name__, z0=z0, h=h)
        z_shape, _ = check_pair_of_shapes(type(self).__name__, [z0.shape, h.shape])
        return self.output_spec(z_shape)


# A kernel of zeros would leave the encoder without a gradient at the first step.
_LEAST_SCALE = 1e-3


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

    def __init__(self, num_layers, *, init_scale=0.1, seed=None, **kwargs):
        """Builds the layer.

        Args:
          num_layers: K, Python `int`.
          init_scale: standard deviation of the initial displacements.
          seed: Python `int`, seed of the initial values; `None` leaves it to
            `keras.utils.set_random_seed`.
          **kwargs: `name`, `dtype` and what else `keras.layers.Layer` takes.

        Raises:
          ValueError: if `num_layers` is no integer >= 1; when called, if the inputs are
            not a pair, or their shapes do not fit.
          TypeError: if `seed` is no integer; when called, if an input is not floating.
        """
        num_layers, init_scale = check_kind_arguments(num_layers, init_scale)
        super().__init__(flow_kinds.Planar(num_layers, init_scale), seed=seed, **kwargs)


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

    def __init__(self, num_layers, *, init_scale=0.1, seed=None, **kwargs):
        """Builds the layer; arguments as of `AmortizedPlanar`."""
        num_layers, init_scale = check_kind_arguments(num_layers, init_scale)
        super().__init__(flow_kinds.Radial(num_layers, init_scale), seed=seed, **kwargs)


@keras.saving.register_keras_serializable(package="tfp_flows")
class AmortizedSylvester(Amortized):
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

    def __init__(
        self,
        num_layers,
        num_units=None,
        form="orthogonal",
        *,
        num_reflections=None,
        init_scale=0.1,
        seed=None,
        **kwargs,
    ):
        """Builds the layer.

        Args:
          num_layers: K, Python `int`.
          num_units: M <= D, Python `int`, of the orthogonal form; `None` is min(D, 8).
            The other forms have M = D.
          form: `"orthogonal"`, `"householder"` or `"triangular"`; in the last, every
            second layer reverses the coordinates.
          num_reflections: H, Python `int`, of the householder form; `None` is min(D, 8).
          init_scale: standard deviation of the entries of the initial R.
          seed: as of `AmortizedPlanar`.
          **kwargs: `name`, `dtype` and what else `keras.layers.Layer` takes.

        Raises:
          ValueError: if a size is no integer >= 1, `form` is unknown, or a size is given
            to a form that has no choice of it; when called, as of `AmortizedPlanar`.
        """
        num_layers, init_scale = check_kind_arguments(num_layers, init_scale)
        kind = flow_kinds.Sylvester(
            num_layers, num_units, form, num_reflections, init_scale
        )
        super().__init__(kind, seed=seed, **kwargs)
