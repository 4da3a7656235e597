"""What the builders share: checks of arguments, the base, layers into a flow."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.bijectors.live import LiveChain
from tfp_flows.numerics import standard_normal


def check_dtype(dtype):
    """Returns `dtype` as a `tf.DType` if it is floating, or raises TypeError."""
    dtype = tf.as_dtype(dtype)
    if not dtype.is_floating:
        raise TypeError(
            f"`dtype` must be floating-point, such as tf.float32, but got {dtype.name}."
        )
    return dtype


def resolve_base(base, event_size, dtype, batch_shape):
    """The base of a flow: `base` when given and fitting, else a standard normal.

    Args:
      base: `tfd.Distribution` of event shape `[D]`, or `None`.
      event_size: D.
      dtype: floating `tf.DType`.
      batch_shape: batch shape of the flow.

    Returns:
      `tfd.Distribution`.

    Raises:
      ValueError: if the event shape of `base` is not `[D]`.
      TypeError: if `base` is no distribution, or its dtype is not `dtype`.
    """
    if base is None:
        return standard_normal(event_size, dtype, batch_shape)
    if not isinstance(base, tfp.distributions.Distribution):
        raise TypeError(f"`base` must be a tfd.Distribution or None, but got {base!r}.")
    if not base.event_shape.is_compatible_with([event_size]):
        raise ValueError(
            f"`base` has event shape {base.event_shape}, but the flow needs "
            f"[{event_size}]; pass a distribution over vectors of {event_size} "
            "numbers, for example with tfd.Sample or tfd.MultivariateNormalDiag."
        )
    if base.dtype != dtype:
        raise TypeError(
            f"`base` has dtype {base.dtype.name}, but the flow {dtype.name}; pass "
            f"`dtype=tf.{base.dtype.name}` or a base of {dtype.name}."
        )
    return base


def check_arguments(event_size, num_layers, dtype, base, batch_shape):
    """The arguments of a builder, checked.

    Args:
      event_size: D.
      num_layers: K.
      dtype: floating dtype, as `tf.as_dtype` reads it.
      base: `tfd.Distribution` or `None`, as for `resolve_base`.
      batch_shape: batch shape of the flow.

    Returns:
      `(shape, dtype, base)`: the shape `[..., K, D]` of the layers' vectors, a
      `tf.DType`, and a distribution.

    Raises:
      ValueError: if a size is no integer >= 1, or as `resolve_base`.
      TypeError: if `dtype` is not floating, or as `resolve_base`.
    """
    event_size = numerics.check_size("event_size", event_size)
    num_layers = numerics.check_size("num_layers", num_layers)
    dtype = check_dtype(dtype)
    base = resolve_base(base, event_size, dtype, batch_shape)
    shape = tf.TensorShape(batch_shape).concatenate([num_layers, event_size])
    return shape, dtype, base


def assemble_flow(
    base,
    stack_class,
    layer_class,
    parameters,
    *,
    fused,
    affine,
    validate_args,
    name,
    rebuild,
):
    """Layers with new variables over `base`.

    Args:
      base: `tfd.Distribution`.
      stack_class: bijector of K layers, for `fused`.
      layer_class: bijector of one layer, of the same parameter names.
      parameters: parameter name = (initial value of the stack, index of its layer axis,
        callable `(value, name=...)` that makes a variable).
      fused: whether to build one stack, or a `tfb.Chain` of layers.
      affine: as for `complete_flow`.
      validate_args: as in `tfd.Distribution`.
      name: name of the flow.
      rebuild: as for `complete_flow`.

    Returns:
      `tfd.TransformedDistribution`.
    """
    (value, axis, _), *_ = parameters.values()
    if fused:
        variables = {
            key: make_variable(value, name=key)
            for key, (value, _, make_variable) in parameters.items()
        }
        layers = [stack_class(**variables, validate_args=validate_args)]
    else:
        layers = []
        for k in range(value.shape[axis]):
            variables = {
                key: make_variable(tf.gather(value, k, axis=axis), name=f"{key}_{k}")
                for key, (value, axis, make_variable) in parameters.items()
            }
            layers.append(layer_class(**variables, validate_args=validate_args))
    return complete_flow(
        base,
        layers,
        affine_batch_shape=value.shape[:axis] if affine else None,
        as_chain=not fused,
        validate_args=validate_args,
        name=name,
        rebuild=rebuild,
    )


def complete_flow(
    base, layers, *, affine_batch_shape, as_chain, validate_args, name, rebuild
):
    """A flow from its base and its layers.

    Args:
      base: `tfd.Distribution` of event shape `[D]`.
      layers: list of bijectors, in the order in which `forward` applies them.
      affine_batch_shape: batch shape of an affine map with new variables that follows
        them; `None` is without one.
      as_chain: whether a single layer is a `tfb.Chain`, too.
      validate_args: as in `tfd.Distribution`.
      name: name of the flow.
      rebuild: callable, `(*, seed, batch_shape)` to a flow from other initial values, or
        `None`.

    Returns:
      `tfd.TransformedDistribution`, with `rebuild` if it is given. In eager mode, too, it
      is that of the present values of its variables, those of the affine map included.
    """
    if affine_batch_shape is not None:
        layers = [
            *layers,
            *affine_layers(base.event_shape[0], base.dtype, affine_batch_shape),
        ]
    # A chain applies its last bijector first.
    is_chain = as_chain or len(layers) > 1
    bijector = LiveChain(layers[::-1]) if is_chain else layers[0]
    flow = tfp.distributions.TransformedDistribution(
        base, bijector, validate_args=validate_args, name=name
    )
    if rebuild is not None:
        flow.rebuild = rebuild
    return flow


def affine_layers(event_size, dtype, batch_shape):
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
