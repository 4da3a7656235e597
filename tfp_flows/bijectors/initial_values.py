"""Initial parameters of layers: near the identity, and over the mass of the base."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics

SYLVESTER_FORMS = ("orthogonal", "householder", "triangular")

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
    layers_shape, num_units, num_reflections, event_size, *, seed, dtype, init_scale
):
    """Sylvester layers near the identity.

    Rows of R2 of squared length 2 on average, and normals `v` of random directions, so
    that pre-activations are of order 1 at any D and M; offsets `b` that lay the
    hyperplanes of the units through points drawn from `N(0, 1.5^2)`, as in planar
    layers; and R of order `init_scale`.

    Args:
      layers_shape: `[..., K]`, static.
      num_units: M.
      num_reflections: H; `None` in the triangular form.
      event_size: D.
      seed: stateless seed, an integer `Tensor` of shape `[2]`.
      dtype: floating `tf.DType`.
      init_scale: standard deviation of the entries of R; 0 is the identity.

    Returns:
      Dict of `Tensor`s: `r` and `r2` of shape `[..., K, M, M]`, `b` of shape
      `[..., K, M]` and, unless H is `None`, `v` of shape `[..., K, H, D]`.
    """
    r_seed, r2_seed, b_seed, v_seed = tfp.random.split_seed(
        seed, n=4, salt="sylvester_flow"
    )

    def normal(*event, seed):
        full = tf.TensorShape(layers_shape).concatenate(event)
        return tf.random.stateless_normal(full, seed, dtype=dtype)

    m = num_units
    # Of row i, M - i entries are above the diagonal or on it.
    row_scale = tf.sqrt(2.0 / tf.range(m, 0, -1, dtype=tf.float64))[:, tf.newaxis]
    r2 = normal(m, m, seed=r2_seed) * tf.cast(row_scale, dtype)
    r2 = tf.linalg.band_part(r2, 0, -1)
    # In the coordinates of the span of Q, points of N(0, 1.5^2) are just that.
    points = 1.5 * normal(m, m, seed=b_seed)
    values = dict(
        r=tf.linalg.band_part(init_scale * normal(m, m, seed=r_seed), 0, -1),
        r2=r2,
        b=-tf.reduce_sum(r2 * points, axis=-1),
    )
    if num_reflections is not None:
        values["v"] = normal(num_reflections, event_size, seed=v_seed)
    return values


def sylvester_sizes(event_size, num_units, form, num_reflections):
    """The numbers of units M and of reflections H, `None` without, of a form.

    Args:
      event_size: D.
      num_units: M of the orthogonal form; `None` is min(D, 8), in other forms D.
      form: "orthogonal", "householder" or "triangular".
      num_reflections: H of the householder form; `None` is min(D, 8), in other forms
        what they need.

    Returns:
      A pair: M, and H or `None`.

    Raises:
      ValueError: if `form` is unknown, a size is no integer >= 1, M > D, or a size is
        given to a form that has no choice of it.
    """
    if form not in SYLVESTER_FORMS:
        raise ValueError(
            f"`form` must be one of {', '.join(map(repr, SYLVESTER_FORMS))}, but got "
            f"{form!r}."
        )
    for name, value in (("num_units", num_units), ("num_reflections", num_reflections)):
        if value is not None:
            numerics.check_size(name, value)
    if form == "orthogonal":
        num_units = min(event_size, 8) if num_units is None else num_units
        if num_units > event_size:
            raise ValueError(
                f"`num_units` must be at most the event size, {event_size}, as Q has "
                f"orthonormal columns, but got {num_units}."
            )
    elif num_units not in (None, event_size):
        raise ValueError(
            f"The {form} form has as many units as the event size, {event_size}, but got "
            f"`num_units={num_units}`; leave it out, or choose form='orthogonal'."
        )
    if form == "householder":
        return event_size, num_reflections or min(event_size, 8)
    if num_reflections is not None:
        raise ValueError(
            "`num_reflections` is a choice of the householder form, but the form is "
            f"{form!r}; leave it out."
        )
    return (num_units, num_units) if form == "orthogonal" else (event_size, None)
