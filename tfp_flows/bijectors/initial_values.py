"""Initial parameters of layers: near the identity, and over the mass of the base."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

# softplus(x) = 1 here.
_ONE = math.log(math.e - 1.0)


def planar_initial_values(shape, *, seed, dtype, init_scale):
    """Planar layers near the identity.

    Normals `w ~ N(0, 2 / D)`, so that pre-activations are of order 1 at any D; offsets
    `b` that lay the hyperplanes through points drawn from `N(0, 1.5^2)`, so that they
    cover the mass of a standard normal (with `b = 0` they would all pass through the
    origin, and more fits end in a poor optimum); and displacements `u_hat` of order
    `init_scale`.

    Args:
      shape: `[..., K, D]`, static.
      seed: stateless seed, an integer `Tensor` of shape `[2]`.
      dtype: floating `tf.DType`.
      init_scale: standard deviation of the displacements; 0 is the identity.

    Returns:
      Dict of `Tensor`s: `u` and `w` of shape `[..., K, D]`, `b` of shape `[..., K]`.
    """
    w_seed, u_seed, b_seed = tfp.random.split_seed(seed, n=3, salt="planar_flow")
    w = tf.random.stateless_normal(shape, w_seed, dtype=dtype)
    w *= math.sqrt(2.0 / shape[-1])
    noise = tf.random.stateless_normal(shape, u_seed, dtype=dtype)
    # u = log(e - 1) w / ||w||^2 is the identity; u = 0 is not.
    identity = w / tf.reduce_sum(tf.square(w), axis=-1, keepdims=True)
    u = _ONE * identity + init_scale * noise
    points = 1.5 * tf.random.stateless_normal(shape, b_seed, dtype=dtype)
    return dict(u=u, w=w, b=-tf.reduce_sum(w * points, axis=-1))


def radial_initial_values(shape, *, seed, dtype, init_scale):
    """Radial layers near the identity.

    Centers drawn from a standard normal, `alpha = 1`, and `beta` within `init_scale` of
    `softplus^-1(alpha)`, which is the identity.

    Args:
      shape: `[..., K, D]`, static.
      seed: stateless seed, an integer `Tensor` of shape `[2]`.
      dtype: floating `tf.DType`.
      init_scale: standard deviation of `beta`; 0 is the identity.

    Returns:
      Dict of `Tensor`s: `center` of shape `[..., K, D]`, `alpha` and `beta` of shape
      `[..., K]`.
    """
    center_seed, beta_seed = tfp.random.split_seed(seed, n=2, salt="radial_flow")
    center = tf.random.stateless_normal(shape, center_seed, dtype=dtype)
    noise = tf.random.stateless_normal(shape[:-1], beta_seed, dtype=dtype)
    return dict(
        center=center,
        alpha=tf.ones(shape[:-1], dtype),
        beta=_ONE + init_scale * noise,
    )


def sylvester_initial_values(
    num_layers, num_units, num_reflections, event_size, *, seed, dtype, init_scale
):
    """K Sylvester layers near the identity.

    Reflections in random directions, rows of `r2` of norm about 1 and offsets
    `b ~ N(0, 1)`, so that pre-activations are of order 1; and `r`, which is 0 for the
    identity, of rows of norm about `init_scale`.

    Args:
      num_layers: K.
      num_units: M.
      num_reflections: H; 0 in the triangular form.
      event_size: D.
      seed: stateless seed, an integer `Tensor` of shape `[2]`.
      dtype: floating `tf.DType`.
      init_scale: standard deviation of the displacements; 0 is the identity.

    Returns:
      Dict of `Tensor`s: `r` and `r2` of shape `[K, M, M]`, `b` of shape `[K, M]` and,
      unless H is 0, `v` of shape `[K, H, D]`.
    """
    seeds = tfp.random.split_seed(seed, n=4, salt="sylvester_flow")
    shapes = dict(
        r=[num_layers, num_units, num_units],
        r2=[num_layers, num_units, num_units],
        b=[num_layers, num_units],
        v=[num_layers, num_reflections, event_size],
    )
    values = {
        name: tf.random.stateless_normal(shape, seed, dtype=dtype)
        for (name, shape), seed in zip(shapes.items(), seeds, strict=True)
    }
    for name, scale in (("r", init_scale), ("r2", 1.0)):
        values[name] *= scale / math.sqrt(num_units)
    if num_reflections == 0:
        del values["v"]
    return values
