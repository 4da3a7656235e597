"""The Sylvester flow, one layer of M units."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.bijectors.one_pass import OnePass
from tfp_flows.bijectors.planar_compact import inverse_compact, score_compact
from tfp_flows.bijectors.planar_layer import along_samples, planar_log_det
from tfp_flows.bijectors.point_layout import flatten_points, samples_first
from tfp_flows.bijectors.sylvester_layer import (
    constrain_sylvester,
    forward_sylvester,
    orthonormal_columns,
)


class Sylvester(OnePass):
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

    def __init__(
        self, r, r2, b, v=None, reverse=False, validate_args=False, name="sylvester"
    ):
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
          TypeError: if the parameters differ in dtype or are not floating-point.
          ValueError: if the shapes do not fit, or `reverse` is given together with `v`.
        """
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            named = dict(r=r, r2=r2, b=b) | ({} if v is None else dict(v=v))
            dtype = numerics.common_dtype(**named)
            named = {
                key: numerics.as_parameter(value, dtype, key)
                for key, value in named.items()
            }
            _check_shapes(**named)
            if reverse and v is not None:
                raise ValueError(
                    "Sylvester reverses coordinates in the triangular form only, but got "
                    "`reverse=True` and `v`; leave out one of them."
                )
            self._r, self._r2, self._b = named["r"], named["r2"], named["b"]
            self._v = named.get("v")
            self._reverse = bool(reverse)
            super().__init__(
                forward_min_event_ndims=1,
                validate_args=validate_args,
                parameters=parameters,
                dtype=dtype,
                name=name,
            )

    @classmethod
    def _parameter_properties(cls, dtype):
        # A layer can be of any M and H; TFP's default initialisers get D of each.
        return dict(
            r=tfp.util.ParameterProperties(event_ndims=2, shape_fn=_square),
            r2=tfp.util.ParameterProperties(event_ndims=2, shape_fn=_square),
            b=tfp.util.ParameterProperties(event_ndims=1),
            v=tfp.util.ParameterProperties(event_ndims=2, shape_fn=_square),
        )

    @property
    def r(self):
        """The matrix `r`, `[..., M, M]`, of R before the constraint."""
        return self._r

    @property
    def r2(self):
        """The matrix `r2`, `[..., M, M]`, whose upper triangle is R2."""
        return self._r2

    @property
    def b(self):
        """The offsets `b` of the pre-activations, `[..., M]`."""
        return self._b

    @property
    def v(self):
        """The normals of the reflections, `[..., H, D]`, or `None`."""
        return self._v

    @property
    def reverse(self):
        """Whether Q is the reversal of the coordinates, a Python `bool`."""
        return self._reverse

    @property
    def q(self):
        """The matrix Q, `[..., D, M]`, of orthonormal columns."""
        num_units = tf.shape(self.r)[-1]
        if self.v is not None:
            v = tf.cast(tf.convert_to_tensor(self.v), tf.float64)
            return tf.cast(orthonormal_columns(v, num_units), self.dtype)
        identity = tf.eye(num_units, dtype=self.dtype)
        return tf.reverse(identity, [0]) if self.reverse else identity

    @property
    def injectivity_margin(self):
        """The least `1 + R_mm R2_mm > 0` of the units, `[...]`; see `Planar`."""
        return tf.reduce_min(self._constrained()[1].q, axis=-1)

    def forward_score(self, x, score):
        """The score of the image, by substitution in M unknowns; see `Planar`.

        Args:
          x: `Tensor` of shape `[..., D]`.
          score: `Tensor` of the shape of `x`, the gradient of the log density there.

        Returns:
          `Tensor` of shape `[..., D]`, the score at `forward(x)`.
        """
        x = tf.convert_to_tensor(x, dtype=self.dtype)
        flat, w, b, layer, restore = self._prepare(x)
        _, s = forward_sylvester(flat, w, b, layer)
        flat_score, *_ = self._prepare(tf.broadcast_to(score, tf.shape(x)))
        return restore(score_compact(flat_score, s, w, layer))

    def _forward_and_log_det(self, x):
        return self._run(x, forward_sylvester)

    def _inverse_and_log_det(self, y):
        return self._run(y, inverse_compact)

    def _run(self, points, move):
        """Moved points and forward log-det."""
        flat, w, b, layer, restore = self._prepare(points)
        image, s = move(flat, w, b, layer)
        log_dets = planar_log_det(s, along_samples(layer))
        log_det = samples_first(tf.reduce_sum(log_dets, axis=-2), event_ndims=0)
        return restore(image), restore(log_det)

    def _constrained(self):
        """Reads `r`, `r2` and `v` once: W and the result of `constrain_sylvester`."""
        v = None if self.v is None else tf.convert_to_tensor(self.v)
        r, r2 = tf.convert_to_tensor(self.r), tf.convert_to_tensor(self.r2)
        return constrain_sylvester(r, r2, v, self.reverse)

    def _prepare(self, points):
        """Points `[S, *B, D]`, parameters `[*B, ...]`, and the way back; reads once."""
        w, layer = self._constrained()
        name = "r" if self.v is None else "v"
        numerics.check_event_size(points, w, bijector="Sylvester", name=name)
        flat, (w, b, *parts), restore = flatten_points(
            points, [w, tf.convert_to_tensor(self.b), *layer], [2, 1, 2, 1, 1, 1]
        )
        return flat, w, b, type(layer)(*parts), restore

    def _parameter_control_dependencies(self, is_init):
        if not self.validate_args:
            return []
        named = dict(r=self.r, r2=self.r2, b=self.b)
        if self.v is not None:
            named["v"] = self.v
        return numerics.check_finite(is_init, "Sylvester", **named)


def _square(sample_shape):
    if tf.is_tensor(sample_shape):
        return tf.concat([sample_shape, sample_shape[-1:]], axis=0)
    return [*sample_shape, sample_shape[-1]]


def _check_shapes(r, r2, b, v=None):
    """Raises ValueError unless r, r2 [..., M, M], b [..., M], v [..., H, D], D >= M."""
    expected = dict(r="[..., M, M]", r2="[..., M, M]", b="[..., M]", v="[..., H, D]")
    named = dict(r=r, r2=r2, b=b) | ({} if v is None else dict(v=v))
    for name, value in named.items():
        rank = 1 if name == "b" else 2
        if value.shape.rank is not None and value.shape.rank < rank:
            raise ValueError(
                f"Sylvester needs `{name}` of shape {expected[name]}, but got shape "
                f"{value.shape}."
            )
    sizes = set()
    for value, axes in ((r, (-1, -2)), (r2, (-1, -2)), (b, (-1,))):
        if value.shape.rank is not None:
            sizes |= {value.shape[axis] for axis in axes} - {None}
    shapes = ", ".join(f"{name}: {value.shape}" for name, value in named.items())
    if len(sizes) > 1:
        raise ValueError(
            "Sylvester needs one number of units M, in `r` and `r2` of shape [..., M, M] "
            f"and `b` of shape [..., M], but got {shapes}."
        )
    event_size = None if v is None or v.shape.rank is None else v.shape[-1]
    if sizes and event_size is not None and event_size < max(sizes):
        raise ValueError(
            "Sylvester needs at most as many units as the event size of `v`, "
            f"{event_size}, but got M = {max(sizes)} ({shapes}); pass smaller `r`, `r2` "
            "and `b`."
        )
