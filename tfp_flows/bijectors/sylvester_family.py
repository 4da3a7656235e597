"""The family of Sylvester layers, in their three forms."""

import dataclasses
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.bijectors.family import Family
from tfp_flows.bijectors.sylvester import Sylvester
from tfp_flows.bijectors.sylvester_stack import SylvesterStack

SYLVESTER_FORMS = ("orthogonal", "householder", "triangular")


@dataclasses.dataclass(frozen=True)
class SylvesterFamily(Family):
    """K Sylvester layers; see `Sylvester` for the formulas and the forms.

    They start with rows of R2 of squared length 2 on average, and normals `v` of random
    directions, so that pre-activations are of order 1 at any D and M; offsets `b` that
    lay the hyperplanes of the units through points drawn from `N(0, 1.5^2)`, as in planar
    layers; and R of order `init_scale`.

    Attributes:
      num_layers: K, Python `int`.
      init_scale: standard deviation of the entries of R; 0 is the identity.
      num_units: M of the orthogonal form; `None` is min(D, 8), in other forms D.
      form: "orthogonal", "householder" or "triangular"; in the last, every second layer
        reverses the coordinates.
      num_reflections: H of the householder form; `None` is min(D, 8).

    Raises:
      ValueError: if a size is no integer >= 1, `form` is unknown, or a size is given to a
        form that has no choice of it.
    """

    num_units: int | None = None
    form: str = "orthogonal"
    num_reflections: int | None = None

    name = "sylvester"
    stack_class, layer_class = SylvesterStack, Sylvester

    def __post_init__(self) -> None:
        super().__post_init__()
        # What can be known before the event size is: any D >= M will do here.
        self._sizes(1 if self.num_units is None else self.num_units)

    def _sizes(self, event_size: int) -> tuple[int, int | None]:
        """M, and H or `None`; raises ValueError if an argument does not fit the form."""
        form, num_units = self.form, self.num_units
        num_reflections = self.num_reflections
        numerics.check_choice("form", form, SYLVESTER_FORMS)
        for name, value in (
            ("num_units", num_units),
            ("num_reflections", num_reflections),
        ):
            if value is not None:
                numerics.check_size(name, value)
        if form == "orthogonal":
            m = min(event_size, 8) if num_units is None else num_units
            if m > event_size:
                raise ValueError(
                    f"`num_units` must be at most the event size, {event_size}, as Q has "
                    f"orthonormal columns, but got {m}."
                )
        elif num_units not in (None, event_size):
            raise ValueError(
                f"The {form} form has as many units as the event size, {event_size}, but "
                f"got `num_units={num_units}`; leave it out, or choose form='orthogonal'."
            )
        if form == "householder":
            return event_size, num_reflections or min(event_size, 8)
        if num_reflections is not None:
            raise ValueError(
                "`num_reflections` is a choice of the householder form, but the form is "
                f"{form!r}; leave it out."
            )
        return (m, m) if form == "orthogonal" else (event_size, None)

    @classmethod
    def options_of(cls, shapes: dict[str, tuple[int, ...]]) -> dict:
        """As of `Family`; of two forms of these shapes, the orthogonal one."""
        (num_units,) = shapes["b"]
        if "v" not in shapes:
            return dict(form="triangular")
        num_reflections = shapes["v"][0]
        if num_reflections == num_units:
            return dict(num_units=num_units)
        return dict(form="householder", num_reflections=num_reflections)

    def layer(
        self, k: int, parameters: dict, *, validate_args: bool = False
    ) -> Sylvester:
        """As of `Family`."""
        return Sylvester(
            **parameters,
            reverse=self.form == "triangular" and k % 2 == 1,
            validate_args=validate_args,
        )

    def initial_values(
        self,
        event_size: int,
        *,
        seed: tf.Tensor,
        dtype: tf.DType,
        batch_shape: Sequence[int] = (),
    ) -> dict[str, tf.Tensor]:
        """As of `Family`: `r`, `r2` `[..., K, M, M]`, `b` `[..., K, M]`, `v` or none.

        `v` is of shape `[..., K, H, D]`; the triangular form has none.
        """
        m, num_reflections = self._sizes(event_size)
        r_seed, r2_seed, b_seed, v_seed = tfp.random.split_seed(
            seed, n=4, salt="sylvester_flow"
        )

        def normal(*event: int, seed: tf.Tensor) -> tf.Tensor:
            shape = (*batch_shape, self.num_layers, *event)
            return tf.random.stateless_normal(shape, seed, dtype=dtype)

        # Of row i, M - i entries are above the diagonal or on it.
        row_scale = tf.sqrt(2.0 / tf.range(m, 0, -1, dtype=tf.float64))[:, tf.newaxis]
        r2 = normal(m, m, seed=r2_seed) * tf.cast(row_scale, dtype)
        r2 = tf.linalg.band_part(r2, 0, -1)
        # In the coordinates of the span of Q, points of N(0, 1.5^2) are just that.
        points = 1.5 * normal(m, m, seed=b_seed)
        values = dict(
            r=tf.linalg.band_part(self.init_scale * normal(m, m, seed=r_seed), 0, -1),
            r2=r2,
            b=-tf.reduce_sum(r2 * points, axis=-1),
        )
        if num_reflections is not None:
            values["v"] = normal(num_reflections, event_size, seed=v_seed)
        return values
