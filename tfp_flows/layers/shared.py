"""Flow layers with one set of parameters for all points."""

import keras
import tensorflow as tf

from tfp_flows.layers import flow_kinds
from tfp_flows.layers.base import FlowLayer, check_kind_arguments
from tfp_flows.layers.checks import check_floating, check_vectors


class Shared(FlowLayer):
    """Base of the layers with weights of their own: `z0 -> (zK, log_det)`."""

    def build(self, input_shape):
        """Makes the weights."""
        self.event_size = check_vectors(type(self).__name__, "z0", input_shape)
        shapes = self.kind.shapes(self.event_size)
        values = self.initial_values(self.event_size)
        self._parameters = {
            name: self.add_weight(
                name=name,
                shape=shape,
                initializer=lambda shape, dtype=None, name=name: tf.cast(
                    values[name], dtype
                ),
                autocast=False,
            )
            for name, shape in shapes.items()
        }
        self.built = True

    @property
    def bijector(self):
        """The layer as a `tfb.Bijector`, live: it follows the weights as they train."""
        layers = self._bijectors()
        return layers[0] if len(layers) == 1 else flow_kinds.chain(layers)

    def _bijectors(self):
        if not self.built:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} has no weights yet; call it on "
                "points, or build((None, D)), first."
            )
        return self.kind.bijectors(
            **{name: weight.value for name, weight in self._parameters.items()}
        )

    def call(self, z0):
        """The image zK `[..., D]` of z0 and the log-det `[...]`."""
        check_floating(type(self).__name__, z0=z0)
        z0 = tf.cast(z0, self.variable_dtype)
        return flow_kinds.forward_and_log_det(self._bijectors(), z0)

    def compute_output_shape(self, input_shape):
        """Shapes `[..., D]` and `[...]`."""
        name = type(self).__name__
        event_size = check_vectors(name, "z0", input_shape)
        if self.built and event_size != self.event_size:
            raise ValueError(
                f"{name} {self.name!r} has been built for event size {self.event_size}, "
                f"but got points of event size {event_size} (shape {input_shape}); make "
                "a new layer for them."
            )
        return self.output_shapes(input_shape)

    def compute_output_spec(self, z0):
        """Symbolic outputs."""
        check_floating(type(self).__name__, z0=z0)
        self.compute_output_shape(z0.shape)
        return self.output_spec(z0.shape)


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

    def __init__(self, num_layers, *, init_scale=0.1, seed=None, **kwargs):
        """Builds the layer.

        Args:
          num_layers: K, Python `int`.
          init_scale: standard deviation of the initial displacements; 0 is the identity.
          seed: Python `int`, seed of the initial values; `None` leaves it to
            `keras.utils.set_random_seed`.
          **kwargs: `name`, `dtype` and what else `keras.layers.Layer` takes.

        Raises:
          ValueError: if `num_layers` is no integer >= 1; when called, if the size of
            the last axis of z0 is unknown or not that of the weights.
          TypeError: if `seed` is no integer; when called, if z0 is not floating.
        """
        num_layers, init_scale = check_kind_arguments(num_layers, init_scale)
        super().__init__(flow_kinds.Planar(num_layers, init_scale), seed=seed, **kwargs)


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

    def __init__(self, num_layers, *, init_scale=0.1, seed=None, **kwargs):
        """Builds the layer; arguments as of `SharedPlanar`."""
        num_layers, init_scale = check_kind_arguments(num_layers, init_scale)
        super().__init__(flow_kinds.Radial(num_layers, init_scale), seed=seed, **kwargs)


@keras.saving.register_keras_serializable(package="tfp_flows")
class SharedSylvester(Shared):
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
        """Builds the layer; arguments as of `AmortizedSylvester`."""
        num_layers, init_scale = check_kind_arguments(num_layers, init_scale)
        kind = flow_kinds.Sylvester(
            num_layers, num_units, form, num_reflections, init_scale
        )
        super().__init__(kind, seed=seed, **kwargs)
