"""Trainable planar flows."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors, numerics
from tfp_flows.distributions.base import check_dtype, resolve_base


def planar_flow(
    event_size,
    num_layers,
    *,
    seed=None,
    dtype=tf.float32,
    fused=True,
    base=None,
    batch_shape=(),
    init_scale=0.1,
    validate_args=False,
    name="planar_flow",
):
    """A trainable flow of K planar layers over a standard normal.

    The flow starts near the identity: normals `w ~ N(0, 2 / D)`, so that pre-activations
    are of order 1 at any D, offsets `b = 0`, and displacements `u_hat` of order
    `init_scale`. (The paper does not give its initial values.)

    #### Example

    ```python
    flow = tff.planar_flow(2, 16, seed=0)
    flow.trainable_variables                   # u, w: [16, 2], b: [16]
    x, log_q = flow.experimental_sample_and_log_prob(1000, seed=1)
    ```

    Args:
      event_size: D, Python `int`.
      num_layers: K, Python `int`.
      seed: `int` or stateless TFP seed of the initial values; `None` draws a new one.
      dtype: floating dtype of the variables and samples.
      fused: whether the layers are one `PlanarStack`, with three variables, or (`False`)
        a `tfb.Chain` of K `Planar` layers, with 3 K. The same seed gives the same
        numbers.
      base: `tfd.Distribution` of event shape `[D]`; `None` is a standard normal.
      batch_shape: shape of a batch of independent flows.
      init_scale: standard deviation of the initial displacements; 0 is the identity.
      validate_args: Python `bool`: whether to check arguments at run time too.
      name: Python `str`, the name of the distribution.

    Returns:
      `tfd.TransformedDistribution` of event shape `[D]` and batch shape `batch_shape`.

    Raises:
      ValueError: if `event_size` or `num_layers` is no integer >= 1, or the event shape
        of `base` is not `[D]`.
      TypeError: if `dtype` is not floating, or not that of `base`.
    """
    event_size = numerics.check_size("event_size", event_size)
    num_layers = numerics.check_size("num_layers", num_layers)
    dtype = check_dtype(dtype)
    base = resolve_base(base, event_size, dtype, batch_shape)

    shape = tf.TensorShape(batch_shape).concatenate([num_layers, event_size])
    w_seed, u_seed = tfp.random.split_seed(
        numerics.stateless_seed(seed), n=2, salt="planar_flow"
    )
    w = tf.random.stateless_normal(shape, w_seed, dtype=dtype) * math.sqrt(
        2.0 / event_size
    )
    noise = tf.random.stateless_normal(shape, u_seed, dtype=dtype)
    # u = log(e - 1) w / ||w||^2 is the identity; u = 0 is not.
    identity = w / tf.reduce_sum(tf.square(w), axis=-1, keepdims=True)
    u = math.log(math.e - 1.0) * identity + init_scale * noise
    b = tf.zeros(shape[:-1], dtype)

    if fused:
        bijector = bijectors.PlanarStack(
            *(tf.Variable(p, name=n) for p, n in ((u, "u"), (w, "w"), (b, "b"))),
            validate_args=validate_args,
        )
    else:
        bijector = tfp.bijectors.Chain(
            [
                bijectors.Planar(
                    tf.Variable(u[..., k, :], name=f"u_{k}"),
                    tf.Variable(w[..., k, :], name=f"w_{k}"),
                    tf.Variable(b[..., k], name=f"b_{k}"),
                    validate_args=validate_args,
                )
                for k in reversed(range(num_layers))
            ]
        )
    return tfp.distributions.TransformedDistribution(
        base, bijector, validate_args=validate_args, name=name
    )
