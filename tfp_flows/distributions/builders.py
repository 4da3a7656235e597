"""Trainable flows of the families of the package."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import bijectors
from tfp_flows.distributions.base import build_flow
from tfp_flows.types import Seed

__all__ = ["autoregressive_flow", "planar_flow", "radial_flow", "sylvester_flow"]


def planar_flow(
    event_size: int,
    num_layers: int,
    *,
    seed: Seed = None,
    dtype: Any = tf.float32,
    fused: bool = True,
    affine: bool = False,
    base: tfd.Distribution | None = None,
    batch_shape: Sequence[int] = (),
    init_scale: float = 0.1,
    validate_args: bool = False,
    name: str | None = None,
) -> tfd.TransformedDistribution:
    """A trainable flow of K planar layers over a standard normal.

    The flow starts near the identity: normals `w ~ N(0, 2 / D)`, so that pre-activations
    are of order 1 at any D; offsets `b` that lay the hyperplanes through points of the
    mass of the base; and displacements `u_hat` of order `init_scale`. (The paper does not
    give its initial values.)

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
    return build_flow(
        bijectors.PlanarFamily,
        event_size,
        num_layers,
        seed=seed,
        dtype=dtype,
        fused=fused,
        affine=affine,
        base=base,
        batch_shape=batch_shape,
        init_scale=init_scale,
        validate_args=validate_args,
        name=name,
    )


def radial_flow(
    event_size: int,
    num_layers: int,
    *,
    seed: Seed = None,
    dtype: Any = tf.float32,
    fused: bool = True,
    affine: bool = False,
    base: tfd.Distribution | None = None,
    batch_shape: Sequence[int] = (),
    init_scale: float = 0.1,
    validate_args: bool = False,
    name: str | None = None,
) -> tfd.TransformedDistribution:
    """A trainable flow of K radial layers over a standard normal.

    The flow starts near the identity: centers drawn from a standard normal, `alpha = 1`
    and `beta` within `init_scale` of `softplus^-1(alpha)`, which is the identity. (The
    paper does not give its initial values.) `alpha` is held as a
    `tfp.util.TransformedVariable`, so that it stays positive.

    #### Example

    ```python
    flow = tff.radial_flow(2, 16, seed=0)
    x, log_q = flow.experimental_sample_and_log_prob(1000, seed=1)
    ```

    Args:
      event_size: D, Python `int`.
      num_layers: K, Python `int`.
      seed: `int` or stateless TFP seed of the initial values; `None` draws a new one.
      dtype: floating dtype of the variables and samples.
      fused: whether the layers are one `RadialStack`, or K `Radial`s.
      affine: whether a trainable affine map follows the layers, as in `planar_flow`.
      base: `tfd.Distribution` of event shape `[D]`; `None` is a standard normal.
      batch_shape: shape of a batch of independent flows.
      init_scale: standard deviation of the initial `beta`; 0 is the identity.
      validate_args: Python `bool`: whether to check arguments at run time too.
      name: Python `str`, the name of the distribution, as in `planar_flow`.

    Returns:
      `tfd.TransformedDistribution`, as `planar_flow`.

    Raises:
      ValueError: if `event_size` or `num_layers` is no integer >= 1, or the event shape
        of `base` is not `[D]`.
      TypeError: if `dtype` is not floating, or not that of `base`.
    """
    return build_flow(
        bijectors.RadialFamily,
        event_size,
        num_layers,
        seed=seed,
        dtype=dtype,
        fused=fused,
        affine=affine,
        base=base,
        batch_shape=batch_shape,
        init_scale=init_scale,
        validate_args=validate_args,
        name=name,
    )


def sylvester_flow(
    event_size: int,
    num_layers: int,
    num_units: int | None = None,
    form: str = "orthogonal",
    *,
    num_reflections: int | None = None,
    seed: Seed = None,
    dtype: Any = tf.float32,
    fused: bool = True,
    affine: bool = False,
    base: tfd.Distribution | None = None,
    batch_shape: Sequence[int] = (),
    init_scale: float = 0.1,
    validate_args: bool = False,
    name: str | None = None,
) -> tfd.TransformedDistribution:
    """A trainable flow of K Sylvester layers over a standard normal.

    The flow starts near the identity: rows of R2 of squared length 2 on average, and
    normals `v` of random directions, so that pre-activations are of order 1 at any D and
    M; offsets `b` as in `planar_flow`; and R of order `init_scale`. (The paper takes all
    of these from an encoder network.)

    #### Example

    ```python
    flow = tff.sylvester_flow(20, 4, num_units=8, seed=0)
    flow.trainable_variables                 # r, r2: [4, 8, 8], b: [4, 8], v: [4, 8, 20]
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
      fused: whether the layers are one `SylvesterStack`, or K `Sylvester`s.
      affine: whether a trainable affine map follows the layers, as in `planar_flow`.
      base: `tfd.Distribution` of event shape `[D]`; `None` is a standard normal.
      batch_shape: shape of a batch of independent flows.
      init_scale: standard deviation of the entries of R; 0 is the identity.
      validate_args: Python `bool`: whether to check arguments at run time too.
      name: Python `str`, the name of the distribution, as in `planar_flow`.

    Returns:
      `tfd.TransformedDistribution`, as `planar_flow`.

    Raises:
      ValueError: if a size is no integer >= 1, M > D, `form` is unknown, `num_units` or
        `num_reflections` is given to a form that has no choice of it, or the event shape
        of `base` is not `[D]`.
      TypeError: if `dtype` is not floating, or not that of `base`.
    """
    return build_flow(
        bijectors.SylvesterFamily,
        event_size,
        num_layers,
        num_units=num_units,
        form=form,
        num_reflections=num_reflections,
        seed=seed,
        dtype=dtype,
        fused=fused,
        affine=affine,
        base=base,
        batch_shape=batch_shape,
        init_scale=init_scale,
        validate_args=validate_args,
        name=name,
    )


def autoregressive_flow(
    event_size: int,
    num_layers: int,
    *,
    hidden_units: int | None = None,
    seed: Seed = None,
    dtype: Any = tf.float32,
    fused: bool = True,
    affine: bool = False,
    base: tfd.Distribution | None = None,
    batch_shape: Sequence[int] = (),
    init_scale: float = 0.1,
    validate_args: bool = False,
    name: str | None = None,
) -> tfd.TransformedDistribution:
    """A trainable flow of K inverse autoregressive layers over a standard normal.

    For D > 4, where 2 to 4 layers are as a rule better than any number of planar ones:
    each moves all coordinates at once, by a masked network of the coordinates before.
    Samples and their densities take one pass; the density of a point that is no sample
    takes D steps a layer that wait for one another (see `bijectors.Autoregressive`).

    The flow starts near the identity: pre-activations of hidden units of order 1, shifts
    and log scales of order `init_scale`.

    #### Example

    ```python
    flow = tff.autoregressive_flow(10, 3, seed=0)
    flow.trainable_variables       # w: [3, 84, 10], b: [3, 84], v: [3, 2, 10, 84], c: ...
    x, log_q = flow.experimental_sample_and_log_prob(1000, seed=1)
    ```

    Args:
      event_size: D, Python `int`.
      num_layers: K, Python `int`: at least 2, for the first coordinate to be more than
        moved; every second layer takes the coordinates last to first.
      hidden_units: H, Python `int`, of the one hidden layer of each network; `None` is
        64 + 2 D.
      seed: `int` or stateless TFP seed of the initial values; `None` draws a new one.
      dtype: floating dtype of the variables and samples.
      fused: whether the layers are one `AutoregressiveStack`, or K `Autoregressive`s.
      affine: whether a trainable affine map follows the layers, as in `planar_flow`.
      base: `tfd.Distribution` of event shape `[D]`; `None` is a standard normal.
      batch_shape: shape of a batch of independent flows.
      init_scale: size of the initial shifts and log scales; 0 is the identity.
      validate_args: Python `bool`: whether to check arguments at run time too.
      name: Python `str`, the name of the distribution, as in `planar_flow`.

    Returns:
      `tfd.TransformedDistribution`, as `planar_flow`.

    Raises:
      ValueError, TypeError: as `planar_flow`, and if `hidden_units` is no integer >= 1.
    """
    return build_flow(
        bijectors.AutoregressiveFamily,
        event_size,
        num_layers,
        hidden_units=hidden_units,
        seed=seed,
        dtype=dtype,
        fused=fused,
        affine=affine,
        base=base,
        batch_shape=batch_shape,
        init_scale=init_scale,
        validate_args=validate_args,
        name=name,
    )
