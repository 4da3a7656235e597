"""Trainable planar flows."""

import functools

import tensorflow as tf

from tfp_flows import bijectors, numerics
from tfp_flows.bijectors.initial_values import planar_initial_values
from tfp_flows.distributions.base import assemble_flow, check_arguments


def planar_flow(
    event_size,
    num_layers,
    *,
    seed=None,
    dtype=tf.float32,
    fused=True,
    affine=False,
    base=None,
    batch_shape=(),
    init_scale=0.1,
    validate_args=False,
    name=None,
):
    """A trainable flow of K planar layers over a standard normal.

    The flow starts near the identity: normals `w ~ N(0, 2 / D)`, so that pre-activations
    are of order 1 at any D; offsets `b` that lay the hyperplanes through points drawn
    from `N(0, 1.5^2)`, so that they cover the mass of the base (with `b = 0` they would
    all pass through the origin, and more fits end in a poor optimum); and displacements
    `u_hat` of order `init_scale`. (The paper does not give its initial values.)

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
      affine: whether a trainable affine map, lower triangular and the identity at first,
        follows the layers: location, scales and correlations of the target cost no layers
        then. Worth its D (D + 3) / 2 parameters above D = 4 or so.
      base: `tfd.Distribution` of event shape `[D]`; `None` is a standard normal.
      batch_shape: shape of a batch of independent flows.
      init_scale: standard deviation of the initial displacements; 0 is the identity.
      validate_args: Python `bool`: whether to check arguments at run time too.
      name: Python `str`, the name of the distribution; `None` leaves it to TFP, and to
        the joint distribution that the flow may become a part of.

    Returns:
      `tfd.TransformedDistribution` of event shape `[D]` and batch shape `batch_shape`.
      Its `rebuild(*, seed, batch_shape=())` makes another one from other initial values.

    Raises:
      ValueError: if `event_size` or `num_layers` is no integer >= 1, or the event shape
        of `base` is not `[D]`.
      TypeError: if `dtype` is not floating, or not that of `base`.
    """
    given_base = base
    shape, dtype, base = check_arguments(event_size, num_layers, dtype, base, batch_shape)
    initial = planar_initial_values(
        shape, seed=numerics.stateless_seed(seed), dtype=dtype, init_scale=init_scale
    )
    return assemble_flow(
        base,
        bijectors.PlanarStack,
        bijectors.Planar,
        {
            name: (initial[name], axis, tf.Variable)
            for name, axis in (("u", -2), ("w", -2), ("b", -1))
        },
        fused=fused,
        affine=affine,
        validate_args=validate_args,
        name=name,
        rebuild=functools.partial(
            planar_flow,
            event_size,
            num_layers,
            dtype=dtype,
            fused=fused,
            affine=affine,
            base=given_base,
            init_scale=init_scale,
            validate_args=validate_args,
            name=name,
        ),
    )
