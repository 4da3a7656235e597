"""A Gaussian near a posterior of many observations, from some of them."""

import dataclasses
import time

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.density import RowwisePosterior
from tfp_flows.types import Seed
from tfp_flows.vi.gaussian_start import GaussianStart, gaussian_start

# Rows per number of the vector: variances are then off by some 15 %, standard deviations
# by half of that, before the fit.
_ROWS_PER_NUMBER, _LEAST_ROWS = 100, 1_000
# Newton steps at most, and the longest that is none, in standard deviations.
_MOST_STEPS, _SHORT = 10, 0.1


def subsampled_start(
    posterior: RowwisePosterior, *, num_rows: int | None = None, seed: Seed = None
) -> GaussianStart:
    """The Gaussian nearest to a posterior, by `gaussian_start` on some of its rows.

    Three steps, of which only the second looks at all rows, some ten times at one point:

    1. the Gaussian of the posterior that a random subsample estimates. Its mean is off by
       some sqrt(N / n) standard deviations;
    2. Newton's method with gradients of all rows and the covariance of that Gaussian, to
       the mode;
    3. the Gaussian of the same subsample, anchored there (`RowwisePosterior.anchored`).

    Args:
      posterior: `tff.density.RowwisePosterior`.
      num_rows: n, rows of the subsample; `None` is 100 D, 1,000 at least, N at most.
      seed: `int` or stateless TFP seed; `None` draws a new one.

    Returns:
      `GaussianStart`; its ELBO, log evidence, k-hat and masses are those of the
      posterior as estimated in step 3.

    Raises:
      TypeError: if `posterior` is none.
      ValueError: as `gaussian_start`, or if `num_rows` is out of range.
    """
    started = time.perf_counter()
    if not isinstance(posterior, RowwisePosterior):
        raise TypeError(
            f"`posterior` must be a tff.density.RowwisePosterior, but got {posterior!r}; "
            "other targets take tff.vi.gaussian_start."
        )
    size, most = posterior.event_shape[0], len(posterior.rows)
    if num_rows is None:
        num_rows = min(most, max(_ROWS_PER_NUMBER * size, _LEAST_ROWS))
    num_rows = numerics.check_size("num_rows", num_rows)
    if num_rows > most:
        raise ValueError(f"`num_rows` is {num_rows}, but there are only {most} rows.")
    rows_seed, *seeds = tfp.random.split_seed(
        numerics.stateless_seed(seed), n=3, salt="subsampled_start"
    )
    rng = numerics.numpy_generator(rows_seed)
    rows = posterior.rows.take(np.sort(rng.choice(most, num_rows, replace=False)))
    rough = gaussian_start(posterior.density_of(rows), seed=seeds[0])
    at_mode = _move_to_mode(rough, posterior)
    anchored = at_mode.whitened_rows(posterior)
    found = gaussian_start(anchored.density_of(rows), scale=1.0, seed=seeds[1])
    return dataclasses.replace(
        found,
        location=at_mode.location + at_mode.scale_tril @ found.location,
        scale_tril=at_mode.scale_tril @ found.scale_tril,
        num_iterations=rough.num_iterations + found.num_iterations,
        seconds=time.perf_counter() - started,
    )


def _move_to_mode(start: GaussianStart, posterior: RowwisePosterior) -> GaussianStart:
    """The Gaussian moved by Newton steps, which end where they are no shorter."""
    length = np.inf
    for _ in range(_MOST_STEPS):
        z = tf.zeros([1, len(start.location)], posterior.dtype)
        # The precision is the identity here: the gradient is the step.
        step = tfp.math.value_and_gradient(start.whitened(posterior), z)[1]
        last, length = length, float(tf.norm(step))
        if not length < 0.7 * last:
            break
        start = dataclasses.replace(
            start, location=start.location + start.scale_tril @ step[0].numpy()
        )
        if length < _SHORT:
            break
    return start
