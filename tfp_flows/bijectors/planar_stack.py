"""K planar layers as one bijector."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.bijectors.layer_loop import layers_first, run_layers
from tfp_flows.bijectors.layer_stack import LayerStack, num_layers_of
from tfp_flows.bijectors.planar import constrain_planar, planar_log_det


class PlanarStack(LayerStack):
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

    def __init__(self, u, w, b, validate_args=False, name="planar_stack"):
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
        with tf.name_scope(name) as name:
            dtype = numerics.common_dtype(u=u, w=w, b=b)
            self._u = numerics.as_parameter(u, dtype, "u")
            self._w = numerics.as_parameter(w, dtype, "w")
            self._b = numerics.as_parameter(b, dtype, "b")
            self._num_layers = num_layers_of(
                "PlanarStack", u=(self._u, -2), w=(self._w, -2), b=(self._b, -1)
            )
            numerics.check_same_event("PlanarStack", u=self._u, w=self._w)
            super().__init__(
                forward_min_event_ndims=1,
                validate_args=validate_args,
                parameters=parameters,
                dtype=dtype,
                name=name,
            )

    @classmethod
    def _parameter_properties(cls, dtype):
        return dict(
            u=tfp.util.ParameterProperties(event_ndims=2),
            w=tfp.util.ParameterProperties(event_ndims=2),
            b=tfp.util.ParameterProperties(event_ndims=1),
        )

    @property
    def u(self):
        """The unconstrained displacements `u`, `[..., K, D]`."""
        return self._u

    @property
    def w(self):
        """The normals of the hyperplanes `w`, `[..., K, D]`."""
        return self._w

    @property
    def b(self):
        """The offsets of the hyperplanes `b`, `[..., K]`."""
        return self._b

    @property
    def num_layers(self):
        """The number of layers K, a Python `int`."""
        return self._num_layers

    @property
    def u_hat(self):
        """The displacements after the constraint, `[..., K, D]`."""
        return constrain_planar(
            tf.convert_to_tensor(self.u), tf.convert_to_tensor(self.w)
        )[0]

    def _forward_and_log_det(self, x):
        w = tf.convert_to_tensor(self.w)
        numerics.check_event_size(x, w, bijector="PlanarStack", name="w")
        u_hat, q_minus_one, log_q = constrain_planar(tf.convert_to_tensor(self.u), w)
        u_hat, w = layers_first(u_hat, -2), layers_first(w, -2)
        b = layers_first(tf.convert_to_tensor(self.b), -1)

        def layer(k, z):
            s = tf.reduce_sum(w[k] * z, axis=-1) + b[k]
            return z + u_hat[k] * tf.tanh(s)[..., tf.newaxis], s

        # The loop needs points of their final shape: add zeros of the batch shape.
        x = x + tf.zeros_like(w[0] + u_hat[0]) + tf.zeros_like(b[0])[..., tf.newaxis]
        y, s = run_layers(layer, x, self.num_layers)
        log_dets = planar_log_det(s, q_minus_one, log_q)
        return y, tf.reduce_sum(log_dets, axis=-1)

    def _parameter_control_dependencies(self, is_init):
        if not self.validate_args:
            return []
        return numerics.check_finite(is_init, "PlanarStack", u=self.u, w=self.w, b=self.b)
