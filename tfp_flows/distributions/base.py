"""The base distribution of a flow, and checks of the builders' arguments."""

import tensorflow as tf
import tensorflow_probability as tfp


def standard_normal(event_size, dtype, batch_shape=()):
    """A standard normal over vectors.

    Args:
      event_size: D.
      dtype: floating `tf.DType`.
      batch_shape: shape of the batch.

    Returns:
      `tfd.Distribution` of event shape `[D]`.
    """
    return tfp.distributions.Sample(
        tfp.distributions.Normal(tf.zeros(batch_shape, dtype), tf.ones([], dtype)),
        sample_shape=[event_size],
        name="standard_normal",
    )


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
