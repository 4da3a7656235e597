"""A richer flow, where the fit of the one at hand falls short."""

import warnings
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows import bijectors, diagnostics, distributions, vi
from tfp_flows.density import Density
from tfp_flows.diagnostics import Evaluation

tfb = tfp.bijectors

# Affine autoregressive layers, every second one from the last coordinate to the first:
# two of them are a funnel exactly, wherever among the coordinates its neck is.
_NUM_LAYERS = 3
# At full weight of the target throughout: a small one would spread the flow to where
# narrow parts of the target have gradients without bound.
_FIT: dict[str, Any] = dict(sample_size=1_024, num_starts=1, annealing_fn=None)
_NUM_DRAWS = 10_000
# Of a normal distribution, the quantiles that are one standard deviation off the median.
_QUANTILES = (0.1587, 0.5, 0.8413)
# Share of the evidence, and standard errors, by which a flow may fall behind another one.
_MISSED, _CERTAINTY = 0.05, 3.0


def refit(
    flow: tfd.Distribution,
    density: Density,
    evaluation: Evaluation,
    *,
    num_steps: int,
    jit_compile: bool,
    seed: tf.Tensor,
) -> tuple[tfd.Distribution, Evaluation] | None:
    """Fits an autoregressive flow to where another flow is, and judges it.

    It starts as a normal distribution with the median and the spread of the draws of
    `flow` in each coordinate, by their quantiles, which the tails do not move.

    Args:
      flow: `tfd.Distribution` of event shape `[D]`, D >= 2, which stays as it is.
      density: the target.
      evaluation: that of `flow`.
      num_steps: number of updates.
      jit_compile: whether the fit may be compiled with XLA.
      seed: stateless TFP seed.

    Returns:
      The new flow and its `Evaluation`, if it is nearer to the target: if its ELBO is
      higher, and it misses no mass that `flow` has; else `None`, also, with a
      `RuntimeWarning`, where the fit fails.
    """
    start_seed, flow_seed, fit_seed, judge_seed = tf.unstack(
        tfp.random.split_seed(seed, n=4, salt="refit")
    )
    draws = flow.sample(_NUM_DRAWS, seed=start_seed).numpy()
    low, median, high = np.quantile(draws, _QUANTILES, axis=0).astype(draws.dtype)
    layers = distributions.build_flow(
        bijectors.FAMILIES["autoregressive"],
        draws.shape[-1],
        _NUM_LAYERS,
        seed=flow_seed,
        dtype=tf.as_dtype(flow.dtype),
        init_scale=0.0,
    )
    parts = [tfb.Shift(median), tfb.Scale(0.5 * (high - low)), layers.bijector]
    richer = tfd.TransformedDistribution(layers.distribution, bijectors.chain(parts))
    try:
        vi.fit_reverse_kl(
            richer,
            density,
            num_steps=num_steps,
            jit_compile=None if jit_compile else False,
            seed=fit_seed,
            progress_bar=False,
            **_FIT,
        )
    except (vi.FitError, ValueError) as error:
        warnings.warn(
            f"No richer flow could be fitted, so that the given one is sampled: {error}",
            RuntimeWarning,
            stacklevel=4,
        )
        return None
    found = diagnostics.evaluate(
        richer, density, num_samples=evaluation.num_samples, seed=judge_seed
    )
    is_nearer = found.elbo > evaluation.elbo and not misses_mass(found, evaluation)
    return (richer, found) if is_nearer else None


def misses_mass(found: Evaluation, other: Evaluation) -> bool:
    """Whether importance sampling by another flow finds more evidence.

    So it does where a flow that is fitted by reverse KL has left a mode out. Estimates
    from heavy-tailed weights are as a rule too low: more is then a sign all the more.
    """
    error = np.hypot(found.log_evidence_standard_error, other.log_evidence_standard_error)
    missed = other.log_evidence - found.log_evidence
    return missed > max(_CERTAINTY * error, _MISSED)
