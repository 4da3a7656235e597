"""K planar layers as one bijector."""

import collections

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.bijectors.layer_loop import layers_first, run_layers
from tfp_flows.bijectors.layer_stack import LayerStack, num_layers_of
from tfp_flows.bijectors.planar_layer import (
    constrain_planar,
    planar_log_det,
    solve_pre_activation,
)

_Vectors = collections.namedtuple("_Vectors", ["w", "u_hat", "b"])


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
        return self._constrained()[1].u_hat

    @property
    def injectivity_margin(self):
        """`1 + w.u_hat > 0` of each layer, `[..., K]`; see `Planar`."""
        return self._constrained()[1].q

    def _constrained(self):
        """Reads `u` and `w` once: `w` and the result of `constrain_planar`."""
        w = tf.convert_to_tensor(self.w)
        return w, constrain_planar(tf.convert_to_tensor(self.u), w)

    def _forward_and_log_det(self, x):
        layers, parameters, x = self._prepare(x)

        def layer(k, z):
            s = tf.reduce_sum(parameters.w[k] * z, axis=-1) + parameters.b[k]
            return z + parameters.u_hat[k] * tf.tanh(s)[..., tf.newaxis], s

        y, s = run_layers(layer, x, self.num_layers)
        return y, tf.reduce_sum(planar_log_det(s, layers), axis=-1)

    def _inverse_and_log_det(self, y):
        layers, parameters, y = self._prepare(y)
        q = layers_first(layers.q, -1)

        def layer(k, z):
            c = tf.reduce_sum(parameters.w[k] * z, axis=-1) + parameters.b[k]
            s = solve_pre_activation(c, q[k])
            return z - parameters.u_hat[k] * tf.tanh(s)[..., tf.newaxis], s

        x, s = run_layers(layer, y, self.num_layers, reverse=True)
        return x, tf.reduce_sum(planar_log_det(s, layers), axis=-1)

    def _prepare(self, points):
        """The constrained layers, their vectors layer by layer, and the points."""
        w, layers = self._constrained()
        numerics.check_event_size(points, w, bijector="PlanarStack", name="w")
        w, u_hat = layers_first(w, -2), layers_first(layers.u_hat, -2)
        b = layers_first(tf.convert_to_tensor(self.b), -1)
        # The loop needs points of their final shape: add zeros of the batch shape.
        zeros = tf.zeros_like(w[0] + u_hat[0]) + tf.zeros_like(b[0])[..., tf.newaxis]
        return layers, _Vectors(w, u_hat, b), points + zeros

    def _parameter_control_dependencies(self, is_init):
        if not self.validate_args:
            return []
        return numerics.check_finite(is_init, "PlanarStack", u=self.u, w=self.w, b=self.b)
