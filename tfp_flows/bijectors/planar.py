"""The planar flow, one layer."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.bijectors.one_pass import OnePass
from tfp_flows.bijectors.planar_layer import (
    constrain_planar,
    planar_log_det,
    planar_score_terms,
    solve_pre_activation,
)


class Planar(OnePass):
    """`f(z) = z + u_hat tanh(w.z + b)`: expands or contracts across a hyperplane.

    The planar flow of [1], eq. 10, with the invertibility constraint of its appendix
    A.1 built in, so that every real `u`, `w`, `b` gives a bijection:

    ```none
    u_hat = u + (m(w.u) - w.u) w / ||w||^2,    m(x) = softplus(x) - 1,
    log|det df/dz| = log(1 + w.u_hat sech^2(w.z + b)),    w.u_hat = m(w.u) > -1.
    ```

    The division is by the *squared* norm, as A.1 needs for `w.u_hat = m(w.u)`; with
    `||w||` instead, as in several public implementations, the map is no bijection.

    #### Meaning of the parameters

    - `w` is normal to the hyperplane `w.z + b = 0`; its length sets how sharp the
      transition across it is.
    - `b` moves the hyperplane.
    - `u` is the direction of the displacement: `f(z) - z` runs from `-u_hat` far on one
      side to `+u_hat` far on the other. `w.u > log(e - 1)` expands, less contracts.
    - `u = 0` is *not* the identity, as `m(0) = log(2) - 1`. The identity is
      `u = log(e - 1) w / ||w||^2`.
    - `w = 0`, where the constraint is undefined, is taken as `u_hat = u`: a translation
      by `u tanh(b)`. Values and gradients are finite there.

    #### Examples

    ```python
    planar = tff.bijectors.Planar(u=[1., 0.], w=[2., 1.], b=0.5)
    y = planar.forward(x)                      # x: [..., 2] -> [..., 2]
    planar.forward_log_det_jacobian(x)         # [...]
    ```

    Deviations from [1]: the log-det-Jacobian is evaluated by
    `tfp_flows.numerics.log_blend`, equal to the paper's `log|1 + u^T psi(z)|` but exact
    where that cancels (`w.u < -15` in float32), and the case `w = 0` is defined.

    #### References

    [1]: D. J. Rezende and S. Mohamed. Variational Inference with Normalizing Flows.
         ICML 2015. https://arxiv.org/abs/1505.05770
    """

    def __init__(self, u, w, b, validate_args=False, name="planar"):
        """Builds one planar layer, or a batch of them.

        Args:
          u: Floating `Tensor` or `tf.Variable` of shape `[..., D]`.
          w: Like `u`. The batch shapes of `u`, `w` and `b` broadcast together, and
            against the batch shape of the points.
          b: Floating `Tensor` or `tf.Variable` of shape `[...]`.
          validate_args: Python `bool`: whether to check, at run time too, that the
            parameters are finite. Otherwise bad values give bad results.
          name: Python `str`, prefix of the names of the ops.

        Raises:
          TypeError: if the parameters differ in dtype or are not floating-point.
          ValueError: if `u` or `w` is a scalar, or their event sizes differ.
        """
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            dtype = numerics.common_dtype(u=u, w=w, b=b)
            self._u = numerics.as_parameter(u, dtype, "u")
            self._w = numerics.as_parameter(w, dtype, "w")
            self._b = numerics.as_parameter(b, dtype, "b")
            numerics.check_same_event("Planar", u=self._u, w=self._w)
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
            u=tfp.util.ParameterProperties(event_ndims=1),
            w=tfp.util.ParameterProperties(event_ndims=1),
            b=tfp.util.ParameterProperties(
                event_ndims=0, shape_fn=lambda sample_shape: sample_shape[:-1]
            ),
        )

    @property
    def u(self):
        """The unconstrained displacement `u`, `[..., D]`."""
        return self._u

    @property
    def w(self):
        """The normal of the hyperplane `w`, `[..., D]`."""
        return self._w

    @property
    def b(self):
        """The offset of the hyperplane `b`, `[...]`."""
        return self._b

    @property
    def u_hat(self):
        """The displacement after the constraint, `[..., D]`: `w.u_hat > -1`."""
        return self._constrained()[1].u_hat

    @property
    def injectivity_margin(self):
        """`1 + w.u_hat > 0`, `[...]`, the least slope across the hyperplane if below 1.

        Where it nears 0 the map flattens: the inverse amplifies rounding by up to
        `1 / injectivity_margin`.
        """
        return self._constrained()[1].q

    def forward_score(self, x, score):
        """The score of the image: the gradient of its log density.

        If `score` is d log p(x) / dx, that of y = f(x) is J^-T (score - d log|det J| /
        dx), by Sherman and Morrison in O(D), without an inverse of f.

        Args:
          x: `Tensor` of shape `[..., D]`.
          score: `Tensor` of the shape of `x`.

        Returns:
          `Tensor` of shape `[..., D]`, the score at `forward(x)`.
        """
        x = tf.convert_to_tensor(x, dtype=self.dtype)
        w, layer = self._constrained()
        rate, drift = planar_score_terms(self._project(x, w), layer)
        r = rate * (tf.reduce_sum(layer.u_hat * score, axis=-1) + drift)
        return score - w * r[..., tf.newaxis]

    def _constrained(self):
        """Reads `u` and `w` once: `w` and the result of `constrain_planar`."""
        w = tf.convert_to_tensor(self.w)
        return w, constrain_planar(tf.convert_to_tensor(self.u), w)

    def _project(self, point, w):
        """w.point + b, `[...]`: of `x`, the pre-activation."""
        numerics.check_event_size(point, w, bijector="Planar", name="w")
        return tf.reduce_sum(w * point, axis=-1) + self.b

    def _forward_and_log_det(self, x):
        w, layer = self._constrained()
        s = self._project(x, w)
        y = x + layer.u_hat * tf.tanh(s)[..., tf.newaxis]
        return y, planar_log_det(s, layer)

    def _inverse_and_log_det(self, y):
        w, layer = self._constrained()
        s = solve_pre_activation(self._project(y, w), layer.q)
        x = y - layer.u_hat * tf.tanh(s)[..., tf.newaxis]
        return x, planar_log_det(s, layer)

    def _parameter_control_dependencies(self, is_init):
        if not self.validate_args:
            return []
        return numerics.check_finite(is_init, "Planar", u=self.u, w=self.w, b=self.b)
