"""Trainable Sylvester flows."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors, numerics
from tfp_flows.bijectors.initial_values import (
    sylvester_initial_values,
    sylvester_sizes,
)
from tfp_flows.distributions.base import check_arguments

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
    m, h = sylvester_sizes(event_size, num_units, form, num_reflections)
    parameters = sylvester_initial_values(
        shape[:-1],
        m,
        h,
        event_size,
        seed=numerics.stateless_seed(seed),
        dtype=dtype,
        init_scale=init_scale,
    )
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
