"""Where chains start."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.density import Density

# Rounds of redrawing the initial points at which the target is -inf.
_MAX_ROUNDS = 100


def convert_initial_state(
    initial_state: npt.ArrayLike | tf.Tensor | None, num_chains: int, caller: str
) -> tf.Tensor | None:
    """`initial_state` as a `Tensor` of real numbers `[num_chains, D]`.

    Args:
      initial_state: what `caller`, the function that runs the chains, was given.
      num_chains: number of rows that it must have.
      caller: its name, for errors.

    Raises:
      TypeError: if it is a masked array.
      ValueError: if it is no such `Tensor`.
    """
    if initial_state is None:
        return None
    numerics.check_not_masked(caller, "initial_state", initial_state)
    try:
        state = tf.convert_to_tensor(initial_state)
    except numerics.CONVERSION_ERRORS as error:
        raise ValueError(
            f"`initial_state` must be numbers, but got {initial_state!r} ({error})."
        ) from error
    if not (state.dtype.is_floating or state.dtype.is_integer):
        raise ValueError(
            f"`initial_state` must be real numbers, but is {state.dtype.name}."
        )
    if state.shape.rank != 2 or state.shape[0] != num_chains:
        raise ValueError(
            f"`initial_state` must have shape [num_chains, D] = [{num_chains}, D], but "
            f"got shape {state.shape}; give one starting point per chain."
        )
    return state


def start_chains(
    density: Density,
    state: tf.Tensor | None,
    shape: tuple[int, int],
    *,
    spread: float,
    dtype: tf.DType,
    seed: tf.Tensor,
) -> tf.Tensor:
    """Starting points at which the target is finite: those given, or new ones.

    A chain cannot leave a point of log density -inf: no ratio to it is finite.

    Args:
      density: `Density` of points `[num_chains, D]`.
      state: `Tensor` of shape `[num_chains, D]`, or `None`, which draws from a normal,
        restricted to the target's support.
      shape: `(num_chains, D)`.
      spread: standard deviation of the normal around the origin.
      dtype: of the points.
      seed: stateless TFP seed.

    Raises:
      TypeError: if the target returns another dtype.
      ValueError: if a given point is not finite, the target fails its checks or is not
        finite there, or if 100 draws per chain do not find its support.
    """
    if state is not None:
        state = tf.cast(state, dtype)
        numerics.check_finite_points(state.numpy(), "initial_state")
        _check_inside(state, density.check(state).numpy())
        return state
    state = tf.zeros(shape, dtype)
    is_outside = tf.ones(shape[:1], tf.bool)
    for _ in range(_MAX_ROUNDS):
        draw_seed, seed = tfp.random.split_seed(seed, n=2)
        draws = spread * tf.random.stateless_normal(shape, draw_seed, dtype=dtype)
        state = tf.where(is_outside[:, tf.newaxis], draws, state)
        is_outside = tf.math.is_inf(density.check(state))
        if not tf.reduce_any(is_outside):
            return state
    raise ValueError(
        f"{np.sum(is_outside)} of {shape[0]} chains have no starting point: the target "
        f"is -inf at {_MAX_ROUNDS} draws of each from a normal of standard deviation "
        f"{spread} around the origin. Pass `initial_state` of shape {list(shape)} inside "
        "the support, or another `initial_spread`."
    )


def _check_inside(state: tf.Tensor, log_prob: np.ndarray) -> None:
    is_outside = np.isneginf(log_prob)
    if np.any(is_outside):
        first = np.asarray(state)[is_outside][0]
        raise ValueError(
            f"The target is -inf at {np.sum(is_outside)} of {log_prob.size} points of "
            f"`initial_state`, for example at {np.array2string(first, threshold=8)}; "
            "start every chain inside the support."
        )
