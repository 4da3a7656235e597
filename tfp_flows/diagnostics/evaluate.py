"""How well a flow fits a density."""

import math
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.density import Density, as_density, check_events
from tfp_flows.diagnostics.evaluation import Evaluation
from tfp_flows.diagnostics.injectivity import layer_margins
from tfp_flows.types import LogProbFn, Seed

# Samples per call of the flow, which bounds memory at any number of samples.
_BATCH = 65_536


def evaluate(
    flow: Any,
    target_log_prob_fn: LogProbFn | tfp.distributions.Distribution,
    *,
    num_samples: int = 100_000,
    keep_samples: bool = False,
    seed: Seed = None,
) -> Evaluation:
    """Judges `flow` against an unnormalized density, from samples of the flow.

    Only the forward direction of the flow is used. All estimates are made in float64
    from log weights log p~(x) - log q(x) in the flow's dtype.

    #### Example

    ```python
    print(tff.diagnostics.evaluate(flow, tff.targets.get("example1"), seed=0))
    ```

    Args:
      flow: `tfd.Distribution` with `experimental_sample_and_log_prob`, event shape
        `[D]` and no batch; or the result of a fit, such as a `tff.vi.FitResult`, whose
        steps, seconds and skipped steps the report then shows too.
      target_log_prob_fn: what to judge against. Either a callable, `[S, D]` to `[S]`,
        the log density up to a constant, which may also be NumPy's; or a distribution,
        which is judged by its exact `log_prob`, 0 outside its event space; or a joint
        distribution, pinned or not, of one vector. Log Z, and so `kl`, is known of what
        declares it (`log_normalizer`), and of a `tfd.Distribution` that is no joint one
        and its method `log_prob`, for which it is 0. Targets that know their modes give
        `mode_mass` too.
      num_samples: number of samples, at least 100.
      keep_samples: whether to return the samples, too, `num_samples * D` numbers, for
        `Evaluation.resample` and averages with weights.
      seed: `int` or stateless TFP seed; `None` draws a new one.

    Returns:
      `Evaluation`.

    Raises:
      TypeError: if the target returns another dtype than the flow's.
      ValueError: if `num_samples < 100`, the flow is a batch or not one over vectors, or
        the target is over vectors of another size, returns another shape than `[S]`, NaN
        or +inf at a sample, or gives a point another density when it comes with others.

    #### References

    - A. Kong. A note on importance sampling using standardized weights. University of
      Chicago, Technical Report 348, 1992. (`ess`)
    - A. Vehtari et al. Pareto smoothed importance sampling. JMLR 25(72), 2024. (`khat`)
    - Y. Yao et al. Yes, but did it work? Evaluating variational inference. ICML 2018.
      (`khat` as a judgement of a variational fit)
    """
    num_samples = numerics.check_size("num_samples", num_samples)
    if num_samples < 100:
        raise ValueError(
            f"`num_samples` must be at least 100 to judge a tail, but got {num_samples}."
        )
    flow, fit = _split_result(flow)
    density = as_density(target_log_prob_fn)
    check_events(flow, density)
    if flow.batch_shape.rank != 0:
        raise ValueError(
            f"`flow` must be a single flow, but has batch shape {flow.batch_shape}; "
            "evaluate its members one at a time."
        )
    log_normalizer, exact = density.log_normalizer, density.exact()
    seed = numerics.stateless_seed(seed)
    exact.check(flow.sample(100, seed=seed))
    samples, log_weights, mode_mass = _draw(
        flow, exact, num_samples, keep_samples=keep_samples, seed=seed
    )
    if log_normalizer is not None and exact.log_normalizer is not None:
        # On the scale of the log Z that the target declares.
        log_weights += log_normalizer - exact.log_normalizer
    estimates = _estimates(log_weights)
    true_mode_mass = None
    if mode_mass is not None:
        true_mode_mass = [float(mass) for mass in density.modes.mode_probabilities()]
    return Evaluation(
        **estimates,
        num_samples=num_samples,
        kl=None if log_normalizer is None else log_normalizer - estimates["elbo"],
        log_normalizer=log_normalizer,
        mode_mass=mode_mass,
        true_mode_mass=true_mode_mass,
        injectivity_margin=min(
            (float(np.min(margins)) for margins in layer_margins(flow)), default=None
        ),
        log_weights=log_weights,
        samples=samples,
        **fit,
    )


def _split_result(flow: Any) -> tuple[tfp.distributions.Distribution, dict]:
    """The flow, and what is known of its fit."""
    if not hasattr(flow, "flow"):
        return flow, {}
    return flow.flow, dict(
        num_steps=int(flow.num_steps_done),
        seconds=float(flow.seconds),
        num_skipped_steps=int(np.sum(flow.num_skipped_steps)),
    )


def _draw(
    flow: tfp.distributions.Distribution,
    density: Density,
    num_samples: int,
    *,
    keep_samples: bool,
    seed: tf.Tensor,
) -> tuple[np.ndarray | None, np.ndarray, list[float] | None]:
    """Samples `[num_samples, D]`, log weights `[num_samples]`, and mass per mode."""
    size = min(_BATCH, num_samples)
    samples, weights, modes, left = [], [], [], num_samples
    for index in range(math.ceil(num_samples / _BATCH)):
        batch_seed = tf.random.experimental.stateless_fold_in(seed, index)
        x, log_q = flow.experimental_sample_and_log_prob(size, seed=batch_seed)
        log_p = np.asarray(density(x), np.float64)
        log_weights = log_p - np.asarray(log_q, np.float64)
        is_bad = np.isnan(log_weights) | (log_weights == np.inf)
        if np.any(is_bad):
            raise ValueError(
                f"The target or the flow is NaN or infinite at {np.sum(is_bad)} of "
                f"{len(log_weights)} samples, for example at {np.asarray(x)[is_bad][0]}; "
                "there is nothing to judge. Fit the flow again, or mend the target there."
            )
        weights.append(log_weights[:left])
        if density.modes is not None:
            modes.append(density.modes.mode_responsibilities(x).numpy()[:left])
        if keep_samples:
            samples.append(x.numpy()[:left])
        left -= len(weights[-1])
    mode_mass = [float(m) for m in np.concatenate(modes).mean(axis=0)] if modes else None
    kept = np.concatenate(samples) if keep_samples else None
    return kept, np.concatenate(weights), mode_mass


def _estimates(log_weights: np.ndarray) -> dict[str, Any]:
    """ELBO, log evidence, ESS and k-hat from log weights, -inf outside the support."""
    n = len(log_weights)
    inside = log_weights[np.isfinite(log_weights)]
    share = len(inside) / n
    if len(inside) < 100:
        raise ValueError(
            f"Only {len(inside)} of {n} samples of the flow lie where the target is "
            "positive; there is nothing to judge. Fit the flow to this target first."
        )
    # Restricting q to the support divides it by `share`. A share estimated from n
    # samples adds (1 - share) / (n share) to the variance.
    elbo = np.mean(inside) + math.log(share)
    variance = np.var(inside, ddof=1) / len(inside) + (1.0 - share) / (n * share)

    highest = np.max(inside)
    weights = np.exp(log_weights - highest)
    mean = np.mean(weights)
    return dict(
        elbo=float(elbo),
        elbo_standard_error=math.sqrt(variance),
        log_evidence=float(highest + math.log(mean)),
        log_evidence_standard_error=float(
            np.std(weights, ddof=1) / (math.sqrt(n) * mean)
        ),
        ess=float(np.sum(weights) ** 2 / np.sum(weights**2)),
        khat=numerics.pareto_khat(inside),
        support_mass=share,
    )
