"""K planar layers as one bijector."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.bijectors.layer_stack import num_layers_of
from tfp_flows.bijectors.one_pass import OnePass
from tfp_flows.bijectors.planar_compact import (
    forward_compact,
    inverse_compact,
    score_compact,
)
from tfp_flows.bijectors.planar_elementwise import forward_elementwise
from tfp_flows.bijectors.planar_layer import (
    along_samples,
    constrain_planar,
    planar_log_det,
)
from tfp_flows.bijectors.point_layout import flatten_points, samples_first

# The largest D for which the elementwise form is the faster one. Microseconds of a
# training step under XLA, elementwise / compact, on two cores: D=2: 106 / 199 (K=16,
# S=500) and 276 / 439 (K=64); D=4: 112 / 128 and 387 / 494; D=8: 259 / 229; D=16: 639 /
# 273. In a plain graph they are equal at D=2, and the compact form wins above.
ELEMENTWISE_EVENT_SIZE = 4


def choose_forward(event_size):
    """The form of K layers, a function `(x, w, b, layers) -> (y, s)`, for D."""
    is_small = event_size is not None and event_size <= ELEMENTWISE_EVENT_SIZE
    return forward_elementwise if is_small else forward_compact


class PlanarStack(OnePass):
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

    def forward_score(self, x, score):
        """The score of the image, in one pass over the layers; see `Planar`.

        Args:
          x: `Tensor` of shape `[..., D]`.
          score: `Tensor` of the shape of `x`, the gradient of the log density there.

        Returns:
          `Tensor` of shape `[..., D]`, the score at `forward(x)`.
        """
        x = tf.convert_to_tensor(x, dtype=self.dtype)
        flat, w, b, layers, restore = self._prepare(x)
        _, s = choose_forward(flat.shape[-1])(flat, w, b, layers)
        flat_score, *_ = self._prepare(tf.broadcast_to(score, tf.shape(x)))
        return restore(score_compact(flat_score, s, w, layers))

    def _forward_and_log_det(self, x):
        return self._run(x, choose_forward)

    def _inverse_and_log_det(self, y):
        return self._run(y, lambda _: inverse_compact)

    def _run(self, points, choose):
        """Moved points and forward log-det, in the form that `choose` takes for D."""
        flat, w, b, layers, restore = self._prepare(points)
        image, s = choose(flat.shape[-1])(flat, w, b, layers)
        log_dets = planar_log_det(s, along_samples(layers))
        log_det = samples_first(tf.reduce_sum(log_dets, axis=-2), event_ndims=0)
        return restore(image), restore(log_det)

    def _prepare(self, points):
        """Points `[S, *B, D]`, parameters `[*B, ...]`, and the way back; reads once."""
        u, w, b = (tf.convert_to_tensor(p) for p in (self.u, self.w, self.b))
        numerics.check_event_size(points, w, bijector="PlanarStack", name="w")
        flat, (u, w, b), restore = flatten_points(points, [u, w, b], [2, 2, 1])
        if flat.shape[-1] is None:
            flat = tf.ensure_shape(flat, [*flat.shape[:-1], w.shape[-1]])
        return flat, w, b, constrain_planar(u, w), restore

    def _parameter_control_dependencies(self, is_init):
        if not self.validate_args:
            return []
        return numerics.check_finite(is_init, "PlanarStack", u=self.u, w=self.w, b=self.b)
