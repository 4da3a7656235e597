"""A trainable flow of the layers of any family, over a base."""

import functools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows import bijectors, numerics
from tfp_flows.bijectors.pickling import Picklable, describe, make
from tfp_flows.types import Seed


def resolve_base(
    base: tfd.Distribution | None,
    event_size: int,
    dtype: tf.DType,
    batch_shape: Sequence[int],
) -> tfd.Distribution:
    """The base of a flow: `base` when given and fitting, else a standard normal.

    Args:
      base: `tfd.Distribution` of event shape `[D]`, or `None`.
      event_size: D.
      dtype: floating `tf.DType`.
      batch_shape: batch shape of the flow.

    Returns:
      `tfd.Distribution`.

    Raises:
      ValueError: if the event shape of `base` is not `[D]`, or its batch shape does not
        broadcast to that of the flow.
      TypeError: if `base` is no distribution, or its dtype is not `dtype`.
    """
    if base is None:
        return numerics.standard_normal(event_size, dtype, batch_shape)
    if not isinstance(base, tfd.Distribution):
        raise TypeError(f"`base` must be a tfd.Distribution or None, but got {base!r}.")
    is_vector = isinstance(base.event_shape, tf.TensorShape)  # or of a joint
    if not is_vector or not base.event_shape.is_compatible_with([event_size]):
        raise ValueError(
            f"`base` has event shape {base.event_shape}, but the flow needs "
            f"[{event_size}]; pass a distribution over vectors of {event_size} "
            "numbers, for example with tfd.Sample or tfd.MultivariateNormalDiag."
        )
    batch = tf.TensorShape(batch_shape)
    try:
        broadcast = tf.broadcast_static_shape(base.batch_shape, batch)
        has_room = broadcast.is_compatible_with(batch)
    except ValueError:
        has_room = False
    if not has_room:
        raise ValueError(
            f"`base` has batch shape {base.batch_shape}, which the flow's batch shape "
            f"{batch} has no room for; pass `batch_shape={tuple(base.batch_shape)}`."
        )
    if base.dtype != dtype:
        raise TypeError(
            f"`base` has dtype {base.dtype.name}, but the flow {dtype.name}; pass "
            f"`dtype=tf.{base.dtype.name}` or a base of {dtype.name}."
        )
    return base


class Flow(Picklable, tfd.TransformedDistribution):
    """A flow that knows, after copies and pickles too, how another one is built.

    Attributes:
      rebuild: callable, `(*, seed, batch_shape=())`, to a flow from other initial values.
    """

    def copy(self, **override_parameters_kwargs: Any) -> "Flow":
        """As of `tfd.Distribution`; of another base or bijector without `rebuild`."""
        flow = super().copy(**override_parameters_kwargs)
        if not {"distribution", "bijector"} & set(override_parameters_kwargs):
            flow.__dict__.update(self._how_to_rebuild())
        return flow

    def _how_to_rebuild(self) -> dict:
        # A slice of a batch has none.
        return {key: v for key, v in vars(self).items() if key == "rebuild"}

    def __reduce__(self) -> tuple:
        return *super().__reduce__(), describe(self._how_to_rebuild())

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(make(state))


def build_flow(
    family: type[bijectors.Family],
    event_size: int,
    num_layers: int,
    *,
    seed: Seed = None,
    dtype: Any = tf.float32,
    fused: bool = True,
    affine: bool = False,
    base: tfd.Distribution | None = None,
    batch_shape: Sequence[int] = (),
    validate_args: bool = False,
    name: str | None = None,
    **options: Any,
) -> tfd.TransformedDistribution:
    """A trainable flow of K layers of any family, as `planar_flow` and others call it.

    #### Example

    ```python
    flow = tff.distributions.build_flow(tff.bijectors.PlanarFamily, 2, 16, seed=0)
    ```

    Args:
      family: subclass of `tff.bijectors.Family`.
      event_size: D, Python `int`.
      num_layers: K, Python `int`.
      seed: `int` or stateless TFP seed of the initial values; `None` draws a new one.
      dtype: floating dtype of the variables and samples.
      fused: whether the layers are one stack, or (`False`) a `tfb.Chain` of K of them,
        with variables of their own. The same seed gives the same numbers.
      affine: whether a trainable affine map, lower triangular and the identity at first,
        follows the layers.
      base: `tfd.Distribution` of event shape `[D]`; `None` is a standard normal.
      batch_shape: shape of a batch of independent flows.
      validate_args: Python `bool`: whether to check arguments at run time too.
      name: Python `str`, the name of the distribution; `None` leaves it to TFP, and to
        the joint distribution that the flow may become a part of.
      **options: further arguments of the family, such as `init_scale`.

    Returns:
      `tfd.TransformedDistribution` of event shape `[D]` and batch shape `batch_shape`. In
      eager mode, too, it is that of the present values of its variables. Its
      `rebuild(*, seed, batch_shape=())` makes another one from other initial values.

    Raises:
      ValueError: if `event_size` or `num_layers` is no integer >= 1, `batch_shape` no
        sequence of them, the family refuses an option, or the event shape of `base` is
        not `[D]`.
      TypeError: if `family` is none, `fused`, `affine` or `validate_args` no `bool`, or
        `dtype` not floating, or not that of `base`.
    """
    rebuild = functools.partial(
        build_flow,
        family,
        event_size,
        num_layers,
        dtype=dtype,
        fused=fused,
        affine=affine,
        base=base,
        validate_args=validate_args,
        name=name,
        **options,
    )
    event_size = numerics.check_size("event_size", event_size)
    batch_shape = numerics.check_shape("batch_shape", batch_shape)
    if not (isinstance(family, type) and issubclass(family, bijectors.Family)):
        raise TypeError(
            "`family` must be a subclass of tff.bijectors.Family, such as "
            f"tff.bijectors.PlanarFamily, but got {family!r}."
        )
    flags = dict(fused=fused, affine=affine, validate_args=validate_args)
    for key, value in flags.items():
        numerics.check_flag(key, value)
    if name is not None:
        numerics.check_name(name)
    layers = family(num_layers, **options)
    dtype = numerics.check_dtype(dtype)
    base = resolve_base(base, event_size, dtype, batch_shape)
    values = layers.initial_values(
        event_size,
        seed=numerics.stateless_seed(seed),
        dtype=dtype,
        batch_shape=batch_shape,
    )
    make_parts = _make_stack if fused else _make_layers
    parts = make_parts(layers, values, validate_args)
    if affine:
        parts += affine_layers(event_size, dtype, batch_shape)
    # A chain of a single layer, too, if it is not fused.
    bijector = parts[0] if fused and not affine else bijectors.chain(parts)
    # TFP makes something else of a base that is no composite tensor.
    is_composite = isinstance(base, tf.__internal__.CompositeTensor)
    make_flow = Flow if is_composite else tfd.TransformedDistribution
    flow = make_flow(base, bijector, validate_args=validate_args, name=name)
    flow.rebuild = rebuild
    return flow


def _make_stack(
    layers: bijectors.Family, values: dict[str, tf.Tensor], validate_args: bool
) -> list[tfp.bijectors.Bijector]:
    """The layers as one bijector with new variables."""
    variables = {
        key: layers.variable(key, value, name=key) for key, value in values.items()
    }
    return [layers.stack(variables, validate_args=validate_args)]


def _make_layers(
    layers: bijectors.Family, values: dict[str, tf.Tensor], validate_args: bool
) -> list[tfp.bijectors.Bijector]:
    """The layers one by one, each with new variables."""
    axes = layers.layer_axes()
    made = []
    for k in range(layers.num_layers):
        variables = {
            key: layers.variable(
                key, tf.gather(value, k, axis=axes[key]), name=f"{key}_{k}"
            )
            for key, value in values.items()
        }
        made.append(layers.layer(k, variables, validate_args=validate_args))
    return made


def affine_layers(
    event_size: int, dtype: tf.DType, batch_shape: Sequence[int]
) -> list[tfp.bijectors.Bijector]:
    """The map L x + m with new variables, the identity at first.

    Args:
      event_size: D.
      dtype: floating `tf.DType`.
      batch_shape: shape of the batch.

    Returns:
      Two bijectors, in the order in which `forward` applies them: of L, `[..., D, D]`,
      lower triangular with the exponential of a variable on its diagonal, and of m,
      `[..., D]`.
    """
    shift = tf.zeros([*batch_shape, event_size], dtype)
    scale_tril = tfp.util.TransformedVariable(
        tf.linalg.diag(tf.ones_like(shift)),
        tfp.bijectors.FillScaleTriL(diag_bijector=tfp.bijectors.Exp(), diag_shift=None),
        name="scale_tril",
    )
    return [
        tfp.bijectors.ScaleMatvecTriL(scale_tril),
        tfp.bijectors.Shift(tf.Variable(shift, name="shift")),
    ]
