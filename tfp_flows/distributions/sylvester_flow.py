"""Trainable Sylvester flows."""

import functools

import tensorflow as tf

from tfp_flows import bijectors, numerics
from tfp_flows.bijectors.initial_values import (
    sylvester_initial_values,
    sylvester_sizes,
)
from tfp_flows.distributions.base import check_arguments, complete_flow

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
    affine=False,
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
      affine: whether a trainable affine map follows the layers, as in `planar_flow`.
      base: `tfd.Distribution` of event shape `[D]`; `None` is a standard normal.
      batch_shape: shape of a batch of independent flows.
      init_scale: standard deviation of the entries of R; 0 is the identity.
      validate_args: Python `bool`: whether to check arguments at run time too.
      name: Python `str`, the name of the distribution; `None` leaves it to TFP, and to
        the joint distribution that the flow may become a part of.

    Returns:
      `tfd.TransformedDistribution` of event shape `[D]` and batch shape `batch_shape`,
      whose bijector is a `tfb.Chain` of K `Sylvester` layers. Its `rebuild(*, seed,
      batch_shape=())` makes another one from other initial values.

    Raises:
      ValueError: if a size is no integer >= 1, M > D, `form` is unknown, `num_units` or
        `num_reflections` is given to a form that has no choice of it, or the event shape
        of `base` is not `[D]`.
      TypeError: if `dtype` is not floating, or not that of `base`.
    """
    given_base = base
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
    return assemble_sylvester(
        base,
        parameters,
        affine=affine,
        validate_args=validate_args,
        name=name,
        rebuild=functools.partial(
            sylvester_flow,
            event_size,
            num_layers,
            num_units,
            form,
            num_reflections=num_reflections,
            dtype=dtype,
            affine=affine,
            base=given_base,
            init_scale=init_scale,
            validate_args=validate_args,
            name=name,
        ),
    )


def assemble_sylvester(
    base, parameters, *, affine=False, validate_args=False, name=None, rebuild=None
):
    """K Sylvester layers with new variables over `base`.

    Args:
      base: `tfd.Distribution`.
      parameters: parameter name = initial value of all layers: r and r2 `[..., K, M, M]`,
        b `[..., K, M]`, and v `[..., K, H, D]`, or none for the triangular form.
      affine: whether an affine map follows them.
      validate_args: as in `tfd.Distribution`.
      name: name of the flow.
      rebuild: as for `complete_flow`.

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
    return complete_flow(
        base,
        layers,
        affine_batch_shape=parameters["b"].shape[:-2] if affine else None,
        as_chain=True,
        validate_args=validate_args,
        name=name,
        rebuild=rebuild,
    )
