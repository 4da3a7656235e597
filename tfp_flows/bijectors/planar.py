"""The planar flow, one layer."""

import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.bijectors.one_pass import OnePass, parameter
from tfp_flows.bijectors.planar_layer import (
    TanhUnits,
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
    `||w||` instead, as in several public implementations, it need not be a bijection.

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

    def __init__(
        self,
        u: npt.ArrayLike,
        w: npt.ArrayLike,
        b: npt.ArrayLike,
        validate_args: bool = False,
        name: str = "planar",
    ) -> None:
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
        super().__init__(
            dict(u=u, w=w, b=b),
            parameters=parameters,
            validate_args=validate_args,
            name=name,
        )

    def _check_shapes(self) -> None:
        numerics.check_same_event("Planar", u=self.u, w=self.w)

    @classmethod
    def _parameter_properties(cls, dtype: tf.DType) -> dict:
        return dict(
            u=tfp.util.ParameterProperties(event_ndims=1),
            w=tfp.util.ParameterProperties(event_ndims=1),
            b=tfp.util.ParameterProperties(
                event_ndims=0, shape_fn=lambda sample_shape: sample_shape[:-1]
            ),
        )

    u = parameter("u", "The unconstrained displacement `u`, `[..., D]`.")
    w = parameter("w", "The normal of the hyperplane `w`, `[..., D]`.")
    b = parameter("b", "The offset of the hyperplane `b`, `[...]`.")

    @property
    def u_hat(self) -> tf.Tensor:
        """The displacement after the constraint, `[..., D]`: `w.u_hat > -1`."""
        return self._constrained().u_hat

    @property
    def injectivity_margin(self) -> tf.Tensor:
        """`1 + w.u_hat > 0`, `[...]`, the least slope across the hyperplane if below 1.

        Where it nears 0 the map flattens: the inverse amplifies rounding by up to
        `1 / injectivity_margin`.
        """
        return self._constrained().q

    def forward_score(self, x: tf.Tensor, score: tf.Tensor) -> tf.Tensor:
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
        unit = self._constrained()
        rate, drift = planar_score_terms(_project(x, unit), unit)
        r = rate * (tf.reduce_sum(unit.u_hat * score, axis=-1) + drift)
        return score - unit.w * r[..., tf.newaxis]

    def _constrained(self) -> TanhUnits:
        """Reads the parameters, each once."""
        return constrain_planar(
            *(tf.convert_to_tensor(p) for p in (self.u, self.w, self.b))
        )

    def _forward_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        unit = self._constrained()
        s = _project(x, unit)
        y = x + unit.u_hat * tf.tanh(s)[..., tf.newaxis]
        return y, planar_log_det(s, unit)

    def _inverse_and_log_det(self, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        unit = self._constrained()
        s = solve_pre_activation(_project(y, unit), unit.q)
        x = y - unit.u_hat * tf.tanh(s)[..., tf.newaxis]
        return x, planar_log_det(s, unit)


def _project(point: tf.Tensor, unit: TanhUnits) -> tf.Tensor:
    """w.point + b, `[...]`: of `x`, the pre-activation."""
    numerics.check_event_size(point, unit.w, bijector="Planar", name="w")
    return tf.reduce_sum(unit.w * point, axis=-1) + unit.b
