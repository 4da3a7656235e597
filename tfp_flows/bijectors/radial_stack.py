"""K radial layers as one bijector."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.bijectors.layer_loop import layers_first, run_layers
from tfp_flows.bijectors.layer_stack import LayerStack, num_layers_of
from tfp_flows.bijectors.radial_layer import (
    constrain_radial,
    radial_log_det,
    radial_scale,
    radial_score,
    solve_radius,
)


class RadialStack(LayerStack):
    """K radial layers, applied first to last: the flow of [1], eq. 7 with eq. 14.

    Equal to `tfb.Chain([Radial(center[K-1], ...), ..., Radial(center[0], ...)])` in
    value and log-det-Jacobian (see `Radial` for the formulas), with three variables
    instead of 3 K and a compile time that does not grow with K.

    #### Examples

    ```python
    stack = tff.bijectors.RadialStack(center, alpha, beta)   # [K, D], [K], [K]
    y = stack.forward(x)                                     # x: [..., D] -> [..., D]
    stack.forward_log_det_jacobian(x)                        # [...]
    ```

    #### References

    [1]: D. J. Rezende and S. Mohamed. Variational Inference with Normalizing Flows.
         ICML 2015. https://arxiv.org/abs/1505.05770
    """

    def __init__(self, center, alpha, beta, validate_args=False, name="radial_stack"):
        """Builds K radial layers, or a batch of such stacks.

        Args:
          center: Floating `Tensor` or `tf.Variable` of shape `[..., K, D]`.
          alpha: Positive floating `Tensor` or `tf.Variable` of shape `[..., K]`. The
            batch shapes of all parameters broadcast together, and against that of the
            points.
          beta: Floating `Tensor` or `tf.Variable` of shape `[..., K]`.
          validate_args: Python `bool`: whether to check, at run time too, that
            `alpha > 0` and that the parameters are finite. Otherwise bad values give
            bad results.
          name: Python `str`, prefix of the names of the ops.

        Raises:
          TypeError: if the parameters differ in dtype or are not floating-point.
          ValueError: if K differs between parameters, is 0 or not static.
          InvalidArgumentError: with `validate_args`, if `alpha <= 0`.
        """
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            dtype = numerics.common_dtype(center=center, alpha=alpha, beta=beta)
            self._center = numerics.as_parameter(center, dtype, "center")
            self._alpha = numerics.as_parameter(alpha, dtype, "alpha")
            self._beta = numerics.as_parameter(beta, dtype, "beta")
            self._num_layers = num_layers_of(
                "RadialStack",
                center=(self._center, -2),
                alpha=(self._alpha, -1),
                beta=(self._beta, -1),
            )
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
            center=tfp.util.ParameterProperties(event_ndims=2),
            alpha=tfp.util.ParameterProperties(
                event_ndims=1,
                default_constraining_bijector_fn=lambda: tfp.bijectors.Softplus(
                    low=tf.constant(numerics.epsilon(dtype), dtype)
                ),
            ),
            beta=tfp.util.ParameterProperties(event_ndims=1),
        )

    @property
    def center(self):
        """The fixed points `center`, `[..., K, D]`."""
        return self._center

    @property
    def alpha(self):
        """The radii `alpha > 0`, `[..., K]`."""
        return self._alpha

    @property
    def beta(self):
        """The unconstrained strengths `beta`, `[..., K]`."""
        return self._beta

    @property
    def num_layers(self):
        """The number of layers K, a Python `int`."""
        return self._num_layers

    @property
    def injectivity_margin(self):
        """`1 + beta_hat / alpha > 0` of each layer, `[..., K]`; see `Radial`."""
        return self._constrained().q

    def _constrained(self):
        """Reads `alpha` and `beta` once."""
        return constrain_radial(
            tf.convert_to_tensor(self.alpha), tf.convert_to_tensor(self.beta)
        )

    def _forward_and_log_det(self, x):
        return self._run(x, lambda r, layer: (r, radial_scale(r, layer)))

    def _inverse_and_log_det(self, y):
        def invert(g, layer):
            r = solve_radius(g, layer)
            return r, 1.0 / radial_scale(r, layer)

        return self._run(y, invert, reverse=True)

    def forward_score(self, x, score):
        """The score of the image, layer by layer; see `Radial`.

        Args:
          x: `Tensor` of shape `[..., D]`.
          score: `Tensor` of the shape of `x`, the gradient of the log density there.

        Returns:
          `Tensor` of shape `[..., D]`, the score at `forward(x)`.
        """
        x = tf.convert_to_tensor(x, dtype=self.dtype)
        points, centers, layers_at, _ = self._prepare(x)

        def layer(k, both):
            offset = both[0] - centers[k]
            scale = radial_scale(numerics.safe_norm(offset), layers_at(k))
            moved = centers[k] + scale[..., tf.newaxis] * offset
            score = radial_score(offset, both[1], layers_at(k))
            return tf.stack([moved, score]), tf.zeros_like(both[..., 0])

        both = tf.stack([points, tf.broadcast_to(score, tf.shape(points))])
        both, _ = run_layers(layer, both, self.num_layers)
        return both[1]

    def _run(self, points, radius_and_scale, reverse=False):
        """Moves points along their rays, layer by layer.

        Args:
          points: `Tensor` of shape `[..., D]`.
          radius_and_scale: callable, `(distance, layer) -> (r, scale)`: of the distance
            to the center, the radius before the forward map, and the scale to apply.
          reverse: whether to run the layers last to first.

        Returns:
          The moved points, and the sum of the forward log-dets at the radii.
        """
        points, centers, layers_at, layers = self._prepare(points)

        def layer(k, z):
            offset = z - centers[k]
            r, scale = radius_and_scale(numerics.safe_norm(offset), layers_at(k))
            return centers[k] + scale[..., tf.newaxis] * offset, r

        points, r = run_layers(layer, points, self.num_layers, reverse=reverse)
        log_dets = radial_log_det(r, layers, event_size=tf.shape(points)[-1])
        return points, tf.reduce_sum(log_dets, axis=-1)

    def _prepare(self, points):
        """Points of their final shape, centers by layer, and the constrained layers."""
        center = tf.convert_to_tensor(self.center)
        numerics.check_event_size(points, center, bijector="RadialStack", name="center")
        layers = self._constrained()
        centers = layers_first(center, -2)
        by_layer = tf.nest.map_structure(lambda value: layers_first(value, -1), layers)
        # The loop needs points of their final shape: add zeros of the batch shape.
        zeros = tf.zeros_like(layers.q[..., 0])[..., tf.newaxis]
        points = points + tf.zeros_like(centers[0]) + zeros
        return (
            points,
            centers,
            lambda k: type(layers)(*(value[k] for value in by_layer)),
            layers,
        )

    def _parameter_control_dependencies(self, is_init):
        if not self.validate_args:
            return []
        assertions = numerics.check_finite(
            is_init, "RadialStack", center=self.center, alpha=self.alpha, beta=self.beta
        )
        if is_init != numerics.is_live(self.alpha):
            assertions.append(
                tf.debugging.assert_positive(
                    self.alpha, message="RadialStack: `alpha` must be positive"
                )
            )
        return assertions
