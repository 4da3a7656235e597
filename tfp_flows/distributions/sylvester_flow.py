"""Trainable Sylvester flows."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors, numerics
from tfp_flows.distributions.base import check_arguments

FORMS = ("orthogonal", "householder", "triangular")
LAYER_AXES = {"r": -3, "r2": -3, "b": -2, "v": -3}


def sylvester_flow(
    event_size,
    num_layers,
    num_units=None,
    form="orthogonal",
    *,
    num_reflections=None,
    seed=None,
    dtype=tf.float32,
    base=None,
    batch_shape=(),
    init_scale=0.1,
    validate_args=False,
    name=None,
):
    """A trainable flow of K Sylvester layers over a standard normal.

    The flow starts near the identity: rows of R2 of squared length 2 on average, and
    normals `v` of random directions, so that pre-activations are of order 1 at any D and
    M; offsets `b` that lay the hyperplanes of the units through points drawn from
    `N(0, 1.5^2)`, as in `planar_flow`; and R of order `init_scale`. (The paper takes all
    of these from an encoder network.)

    #### Example

    ```python
    flow = tff.sylvester_flow(20, 4, num_units=8, seed=0)
    flow.trainable_variables                 # 4 times r, r2: [8, 8], b: [8], v: [8, 20]
    x, log_q = flow.experimental_sample_and_log_prob(1000, seed=1)
    ```

    Args:
      event_size: D, Python `int`.
      num_layers: K, Python `int`.
      num_units: M <= D, Python `int`, of the orthogonal form; `None` is min(D, 8). The
        other forms have M = D.
      form: "orthogonal", "householder" or "triangular", as `bijectors.Sylvester` explains
        them. In the last, every second layer reverses the coordinates.
      num_reflections: H, Python `int`, of the householder form; `None` is min(D, 8).
      seed: `int` or stateless TFP seed of the initial values; `None` draws a new one.
      dtype: floating dtype of the variables and samples.
      base: `tfd.Distribution` of event shape `[D]`; `None` is a standard normal.
      batch_shape: shape of a batch of independent flows.
      init_scale: standard deviation of the entries of R; 0 is the identity.
      validate_args: Python `bool`: whether to check arguments at run time too.
      name: Python `str`, the name of the distribution; `None` leaves it to TFP, and to
        the joint distribution that the flow may become a part of.

    Returns:
      `tfd.TransformedDistribution` of event shape `[D]` and batch shape `batch_shape`,
      whose bijector is a `tfb.Chain` of K `Sylvester` layers.

    Raises:
      ValueError: if a size is no integer >= 1, M > D, `form` is unknown, `num_units` or
        `num_reflections` is given to a form that has no choice of it, or the event shape
        of `base` is not `[D]`.
      TypeError: if `dtype` is not floating, or not that of `base`.
    """
    shape, dtype, base = check_arguments(event_size, num_layers, dtype, base, batch_shape)
    m, h = _sizes(event_size, num_units, form, num_reflections)
    r_seed, r2_seed, b_seed, v_seed = tfp.random.split_seed(
        numerics.stateless_seed(seed), n=4, salt="sylvester_flow"
    )

    def normal(*event, seed):
        full = shape[:-1].concatenate(event)
        return tf.random.stateless_normal(full, seed, dtype=dtype)

    # Of row i, M - i entries are above the diagonal or on it.
    row_scale = tf.sqrt(2.0 / tf.range(m, 0, -1, dtype=tf.float64))[:, tf.newaxis]
    r2 = normal(m, m, seed=r2_seed) * tf.cast(row_scale, dtype)
    r2 = tf.linalg.band_part(r2, 0, -1)
    # In the coordinates of the span of Q, points of N(0, 1.5^2) are just that.
    points = 1.5 * normal(m, m, seed=b_seed)
    parameters = dict(
        r=tf.linalg.band_part(init_scale * normal(m, m, seed=r_seed), 0, -1),
        r2=r2,
        b=-tf.reduce_sum(r2 * points, axis=-1),
    )
    if h is not None:
        parameters["v"] = normal(h, event_size, seed=v_seed)
    return assemble_sylvester(base, parameters, validate_args=validate_args, name=name)


def assemble_sylvester(base, parameters, *, validate_args=False, name=None):
    """K Sylvester layers with new variables over `base`.

    Args:
      base: `tfd.Distribution`.
      parameters: parameter name = initial value of all layers: r and r2 `[..., K, M, M]`,
        b `[..., K, M]`, and v `[..., K, H, D]`, or none for the triangular form.
      validate_args: as in `tfd.Distribution`.
      name: name of the flow.

    Returns:
      `tfd.TransformedDistribution`.
    """
    layers = []
    for k in range(parameters["b"].shape[-2]):
        variables = {
            key: tf.Variable(tf.gather(value, k, axis=LAYER_AXES[key]), name=f"{key}_{k}")
            for key, value in parameters.items()
        }
        layers.append(
            bijectors.Sylvester(
                **variables,
                reverse="v" not in parameters and k % 2 == 1,
                validate_args=validate_args,
            )
        )
    # A chain applies its last bijector first.
    return tfp.distributions.TransformedDistribution(
        base,
        tfp.bijectors.Chain(layers[::-1]),
        validate_args=validate_args,
        name=name,
    )


def _sizes(event_size, num_units, form, num_reflections):
    """The numbers of units and of reflections, `None` without; or raises ValueError."""
    if form not in FORMS:
        raise ValueError(
            f"`form` must be one of {', '.join(map(repr, FORMS))}, but got {form!r}."
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
            f"`num_reflections` is a choice of the householder form, but the form is "
            f"{form!r}; leave it out."
        )
    return (num_units, num_units) if form == "orthogonal" else (event_size, None)
