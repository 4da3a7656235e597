"""Independent fits from several starts in one program, of which the best is kept."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics
from tfp_flows.density import Density, RowwisePosterior, as_density
from tfp_flows.density.checks import first_line
from tfp_flows.types import LogProbFn, Seed
from tfp_flows.vi.arguments import check_place, check_seeded
from tfp_flows.vi.fit_result import FitResult
from tfp_flows.vi.reverse_kl import fit_reverse_kl

# Samples that judge each fit: enough that the noise is below differences that matter.
# Drawn in parts, for memory.
_NUM_SAMPLES, _NUM_PARTS = 16_384, 8


def fit_restarts(
    build_flow_fn: Callable[..., tfd.Distribution],
    target_log_prob_fn: LogProbFn | tfd.Distribution | RowwisePosterior,
    *,
    num_restarts: int = 8,
    seed: Seed = None,
    **fit_arguments: Any,
) -> FitResult:
    """Fits several flows from different starts at once and returns the best.

    A reverse-KL fit may end in a poor optimum, such as one that misses a mode. The R
    flows are one batch of flows and train as one program, to the end and on samples of
    their own: for small events, in much less than R times the time of one. The winner has
    the highest ELBO on fresh samples. (The `num_starts` of `fit_reverse_kl` share the
    samples of one fit instead, and all but one are dropped on the way.)

    #### Example

    ```python
    build = functools.partial(tff.planar_flow, 2, 16)
    result = tff.vi.fit_restarts(build, target.unnormalized_log_prob, seed=0)
    result.flow              # the best of 8, a single flow
    result.restart_losses    # the negative ELBO of each
    ```

    Args:
      build_flow_fn: callable, `(*, seed, batch_shape) -> flow`, like `tff.planar_flow`
        with its sizes bound: the variables of a batch must be those of a single flow with
        leading axes `batch_shape`.
      target_log_prob_fn: callable, `[S, ..., D]` to `[S, ...]`, a `tfd.Distribution` of
        vectors, or a `tff.density.RowwisePosterior`; see `fit_reverse_kl`.
      num_restarts: R.
      seed: `int` or stateless TFP seed of starts and fits; `None` draws a new one. A
        `checkpoint_dir` needs one.
      **fit_arguments: other arguments of `fit_reverse_kl`; `num_starts`, of each of the
        R fits, is 1 by default.

    Returns:
      `FitResult` of the best flow, with `restart_losses`.

    Raises:
      TypeError: if `build_flow_fn` is no function, or returns no distribution.
      ValueError: if it fails for `seed` and `batch_shape`, the variables of the batch are
        not those of single flows, there is a `checkpoint_dir` but no `seed`, or as
        `fit_reverse_kl`.
    """
    check_place()
    check_seeded(seed, fit_arguments.get("checkpoint_dir"))
    num_restarts = numerics.check_size("num_restarts", num_restarts)
    numerics.check_callable(
        "build_flow_fn",
        build_flow_fn,
        "a function of `seed` and `batch_shape`, such as "
        "functools.partial(tff.planar_flow, 2, 16)",
    )
    density = as_density(target_log_prob_fn)
    start_seed, fit_seed, judge_seed = tfp.random.split_seed(
        numerics.stateless_seed(seed), n=3, salt="fit_restarts"
    )
    best_flow, flows = (
        _build(build_flow_fn, start_seed, batch_shape)
        for batch_shape in ((), (num_restarts,))
    )
    _check_batch(flows, best_flow, num_restarts)
    fit_arguments = dict(num_starts=1) | fit_arguments
    result = fit_reverse_kl(flows, target_log_prob_fn, seed=fit_seed, **fit_arguments)
    losses = _negative_elbo(flows, density, judge_seed)
    best = int(np.nanargmin(losses))
    pairs = zip(best_flow.trainable_variables, flows.trainable_variables, strict=True)
    for variable, batch in pairs:
        variable.assign(batch[best])
    return dataclasses.replace(
        result,
        flow=best_flow,
        loss=result.loss[:, best],
        gradient_norm=result.gradient_norm[:, best],
        num_skipped_steps=np.asarray(result.num_skipped_steps)[best],
        restart_losses=losses,
    )


def _build(
    build_flow_fn: Callable[..., tfd.Distribution],
    seed: tf.Tensor,
    batch_shape: tuple[int, ...],
) -> tfd.Distribution:
    try:
        flow = build_flow_fn(seed=seed, batch_shape=batch_shape)
    except Exception as error:  # whatever a function of the caller's raises
        raise ValueError(
            f"`build_flow_fn` failed for `seed` and batch_shape={batch_shape}: "
            f"{first_line(error)}"
        ) from error
    if not isinstance(flow, tfd.Distribution):
        raise TypeError(
            f"`build_flow_fn` must return a tfd.Distribution, but returned {flow!r}."
        )
    return flow


def _check_batch(
    flows: tfd.Distribution, single: tfd.Distribution, num_restarts: int
) -> None:
    batch = [v.shape for v in flows.trainable_variables]
    expected = [[num_restarts, *v.shape] for v in single.trainable_variables]
    if [list(shape) for shape in batch] != expected:
        raise ValueError(
            f"`build_flow_fn` made variables of shapes {[tuple(s) for s in batch]} for "
            f"batch_shape=({num_restarts},), but those of a single flow need "
            f"{[tuple(s) for s in expected]}; pass a builder like tff.planar_flow."
        )


def _negative_elbo(
    flows: tfd.Distribution, density: Density, seed: tf.Tensor
) -> np.ndarray:
    """The negative ELBO of each member in nats, `[R]`; NaN if it is not finite."""

    @tf.function(autograph=False)
    def losses(part: tf.Tensor) -> tf.Tensor:
        part_seed = tf.random.experimental.stateless_fold_in(seed, part)
        x, log_q = flows.experimental_sample_and_log_prob(
            _NUM_SAMPLES // _NUM_PARTS, seed=part_seed
        )
        return tf.reduce_mean(log_q - density(x), axis=0)

    parts = [losses(tf.constant(part)).numpy() for part in range(_NUM_PARTS)]
    values = np.mean(parts, axis=0)
    if not np.any(np.isfinite(values)):
        raise ValueError(
            f"None of the {values.size} fits has a finite ELBO on fresh samples: "
            f"{values}; check the target where the flows' samples are."
        )
    return np.where(np.isfinite(values), values, np.nan)
