"""The Sylvester flow, one layer of M units."""

import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.bijectors.layer_stack import OfTanhUnits
from tfp_flows.bijectors.one_pass import parameter
from tfp_flows.bijectors.planar_compact import displacement, pre_activations
from tfp_flows.bijectors.planar_layer import TanhUnits
from tfp_flows.bijectors.sylvester_layer import (
    check_sylvester_shapes,
    constrain_sylvester,
    orthonormal_columns,
)


class Sylvester(OfTanhUnits):
    """`f(z) = z + Q R tanh(R2 Q^T z + b)`: moves points within the span of Q.

    The Sylvester flow of [1], eq. 13, a planar flow of M units instead of one. Q, `[D,
    M]`, has orthonormal columns and R, R2 are upper triangular, both by construction, so
    that all real parameters give a bijection:

    ```none
    log|det df/dz| = sum_m log(1 + R_mm R2_mm sech^2(s_m)),    s = R2 Q^T z + b,
    1 + R_mm R2_mm = e^asinh(r_mm r2_mm) > 0.
    ```

    #### The forms

    They differ in Q. Those with `v` take Q as the first M columns of the product of H
    Householder reflections, `I - 2 v v^T / ||v||^2`.

    - *orthogonal*: `v` of shape `[..., M, D]`, with M < D units as a rule. M reflections
      reach every Q, up to signs of columns, which R, R2 and b absorb.
    - *householder*: M = D and `v` of shape `[..., H, D]`, a Q of fewer parameters.
    - *triangular*: no `v`, M = D: Q is the identity, or with `reverse` the reversal of
      the coordinates. A flow takes turns.

    #### Meaning of the parameters

    - The upper triangles of `r` and `r2` are those of R and R2, but for the diagonal of
      R: `R_mm = r_mm 2 q / (1 + q)`, `q = 1 + R_mm R2_mm`, within a factor of 2 of `r_mm`
      unless `r_mm r2_mm < -1`. What is below their diagonals has no effect.
    - `r = 0` is the identity.
    - A row `v = 0`, where a reflection is undefined, leaves that reflection out.

    #### Examples

    ```python
    layer = tff.bijectors.Sylvester(r, r2, b, v)   # r, r2: [4, 4], b: [4], v: [4, 20]
    y = layer.forward(x)                           # x: [..., 20] -> [..., 20]
    y, log_det = layer.forward_and_log_det(x)      # both in one pass
    tff.bijectors.Sylvester(r, r2, b, reverse=True)    # triangular, D = 4
    ```

    Deviations from [1]: its orthogonal form iterates a matrix `[D, M]` towards an
    orthonormal one (eq. 14), here the columns are orthonormal to rounding, at any
    parameters; it bounds the diagonals of R and R2 by tanh, hence 1 + R_mm R2_mm by 2,
    here it takes any positive value; and the log-det-Jacobian is evaluated by
    `tfp_flows.numerics.log_blend`, which does not cancel. [1] gives no inverse.

    #### References

    [1]: R. van den Berg, L. Hasenclever, J. M. Tomczak and M. Welling. Sylvester
         Normalizing Flows for Variational Inference. UAI 2018.
         https://arxiv.org/abs/1803.05649
    """

    _OPTIONAL = ("v",)

    def __init__(
        self,
        r: npt.ArrayLike,
        r2: npt.ArrayLike,
        b: npt.ArrayLike,
        v: npt.ArrayLike | None = None,
        reverse: bool = False,
        validate_args: bool = False,
        name: str = "sylvester",
    ) -> None:
        """Builds one Sylvester layer, or a batch of them.

        Args:
          r: Floating `Tensor` or `tf.Variable` of shape `[..., M, M]`. The batch shapes
            of all parameters broadcast together, and against that of the points.
          r2: Like `r`.
          b: Floating `Tensor` or `tf.Variable` of shape `[..., M]`.
          v: Floating `Tensor` or `tf.Variable` of shape `[..., H, D]`, D >= M; `None` is
            the triangular form, of D = M.
          reverse: Python `bool`: whether the Q of the triangular form is the reversal of
            the coordinates rather than the identity.
          validate_args: Python `bool`: whether to check, at run time too, that the
            parameters are finite. Otherwise bad values give bad results.
          name: Python `str`, prefix of the names of the ops.

        Raises:
          TypeError: if the parameters differ in dtype or are not floating-point, or
            `reverse` is no `bool`.
          ValueError: if the shapes do not fit, or `reverse` is given together with `v`.
        """
        parameters = dict(locals())
        self._reverse = numerics.check_flag("reverse", reverse)
        if reverse and v is not None:
            raise ValueError(
                "Sylvester reverses coordinates in the triangular form only, but got "
                "`reverse=True` and `v`; leave out one of them."
            )
        super().__init__(
            dict(r=r, r2=r2, b=b, v=v),
            parameters=parameters,
            validate_args=validate_args,
            name=name,
        )

    def _check_shapes(self) -> None:
        check_sylvester_shapes("Sylvester", self._tensors())

    @classmethod
    def _parameter_properties(cls, dtype: tf.DType) -> dict:
        # A layer can be of any M and H; TFP's default initialisers get D of each.
        return dict(
            r=tfp.util.ParameterProperties(event_ndims=2, shape_fn=_square),
            r2=tfp.util.ParameterProperties(event_ndims=2, shape_fn=_square),
            b=tfp.util.ParameterProperties(event_ndims=1),
            v=tfp.util.ParameterProperties(event_ndims=2, shape_fn=_square),
        )

    r = parameter("r", "The matrix `r`, `[..., M, M]`, of R before the constraint.")
    r2 = parameter("r2", "The matrix `r2`, `[..., M, M]`, whose upper triangle is R2.")
    b = parameter("b", "The offsets `b` of the pre-activations, `[..., M]`.")
    v = parameter("v", "The normals of the reflections, `[..., H, D]`, or `None`.")

    @property
    def reverse(self) -> bool:
        """Whether Q is the reversal of the coordinates, a Python `bool`."""
        return self._reverse

    @property
    def q(self) -> tf.Tensor:
        """The matrix Q, `[..., D, M]`, of orthonormal columns."""
        num_units = tf.shape(self.r)[-1]
        if self.v is not None:
            v = tf.cast(tf.convert_to_tensor(self.v), tf.float64)
            return tf.cast(orthonormal_columns(v, num_units), self.dtype)
        identity = tf.eye(num_units, dtype=self.dtype)
        return tf.reverse(identity, [0]) if self.reverse else identity

    @property
    def injectivity_margin(self) -> tf.Tensor:
        """The least `1 + R_mm R2_mm > 0` of the units, `[...]`; see `Planar`."""
        return tf.reduce_min(self._constrained().q, axis=-1)

    @property
    def _sized_parameter(self) -> str:
        return "r" if self.v is None else "v"

    def _constrained(self) -> TanhUnits:
        values = {k: tf.convert_to_tensor(value) for k, value in self._tensors().items()}
        return constrain_sylvester(**values, reverse=self.reverse)

    def _forward_samples(self, x: tf.Tensor, layers: TanhUnits) -> tuple:
        s = pre_activations(x, layers)
        return x + displacement(s, layers), s


def _square(sample_shape: tf.TensorShape | tf.Tensor) -> list | tf.Tensor:
    if tf.is_tensor(sample_shape):
        return tf.concat([sample_shape, sample_shape[-1:]], axis=0)
    return [*sample_shape, sample_shape[-1]]
