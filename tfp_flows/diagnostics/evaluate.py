"""How well a flow fits a density."""

import math

import numpy as np
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.diagnostics.evaluation import Evaluation
from tfp_flows.diagnostics.injectivity import has_margin, injectivity_margin

# Samples per call of the flow, which bounds memory at any number of samples.
_BATCH = 65_536


def evaluate(flow, target_log_prob_fn, *, num_samples=100_000, seed=None):
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
        the log density up to a constant; or a distribution, which is judged by its exact
        `log_prob`. A distribution that knows its normalizer (`log_normalizer`), and the
        bound methods `unnormalized_log_prob` and `log_prob` of one, give `kl`; targets
        that know their modes give `mode_mass` too.
      num_samples: number of samples, at least 100.
      seed: `int` or stateless TFP seed; `None` draws a new one.

    Returns:
      `Evaluation`.

    Raises:
      TypeError: if the target returns another dtype than the flow's.
      ValueError: if `num_samples < 100`, the flow is a batch, or the target returns
        another shape than `[S]`, or NaN or +inf at a sample.

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
    if flow.batch_shape.rank != 0:
        raise ValueError(
            f"`flow` must be a single flow, but has batch shape {flow.batch_shape}; "
            "evaluate its members one at a time."
        )
    log_prob_fn, log_normalizer, target = _resolve(target_log_prob_fn)
    log_weights, mode_mass = _log_weights(
        flow, log_prob_fn, target, num_samples, numerics.stateless_seed(seed)
    )
    estimates = _estimates(log_weights)
    kl = None if log_normalizer is None else log_normalizer - estimates["elbo"]
    true_mode_mass = None
    if mode_mass is not None:
        true_mode_mass = [float(mass) for mass in target.mode_probabilities()]
    return Evaluation(
        **estimates,
        num_samples=num_samples,
        kl=kl,
        log_normalizer=log_normalizer,
        mode_mass=mode_mass,
        true_mode_mass=true_mode_mass,
        injectivity_margin=_least_margin(flow),
        log_weights=log_weights,
        **fit,
    )


def _split_result(flow):
    """The flow, and what is known of its fit."""
    if not hasattr(flow, "flow"):
        return flow, {}
    return flow.flow, dict(
        num_steps=int(flow.num_steps_done),
        seconds=float(flow.seconds),
        num_skipped_steps=int(np.sum(flow.num_skipped_steps)),
    )


def _least_margin(flow):
    if not has_margin(flow):
        return None
    return float(np.min(injectivity_margin(flow)))


def _resolve(target):
    """The log density as a function, its log Z if known, and the object behind it."""
    if hasattr(target, "log_prob") and not callable(target):
        log_normalizer = _log_normalizer(target)
        # The exact density, shifted to the scale of the unnormalized one.
        shift = log_normalizer or 0.0
        known = 0.0 if log_normalizer is None else log_normalizer
        return (lambda x: target.log_prob(x) + tf.cast(shift, x.dtype)), known, target
    owner = getattr(target, "__self__", None)
    names = ("log_prob", "unnormalized_log_prob")
    if hasattr(owner, "log_prob") and target.__name__ in names:
        return target, numerics.known_log_normalizer(target), owner
    return target, None, None


def _log_normalizer(target):
    return float(target.log_normalizer()) if hasattr(target, "log_normalizer") else None


def _log_weights(flow, log_prob_fn, target, num_samples, seed):
    """Log importance weights, `[num_samples]` float64, and the mass per mode."""
    has_modes = hasattr(target, "mode_responsibilities")

    def draw(seed):
        size = min(_BATCH, num_samples)
        x, log_q = flow.experimental_sample_and_log_prob(size, seed=seed)
        log_p = log_prob_fn(x)
        modes = target.mode_responsibilities(x) if has_modes else tf.zeros([size, 0])
        return x, tf.cast(log_p, tf.float64) - tf.cast(log_q, tf.float64), modes

    numerics.first_evaluation(log_prob_fn, flow.sample(100, seed=seed))
    weights, modes, left = [], [], num_samples
    for index in range(math.ceil(num_samples / _BATCH)):
        batch_seed = tf.random.experimental.stateless_fold_in(seed, index)
        x, log_weights, responsibilities = (part.numpy() for part in draw(batch_seed))
        is_bad = np.isnan(log_weights) | (log_weights == np.inf)
        if np.any(is_bad):
            raise ValueError(
                f"The target or the flow is NaN or infinite at {np.sum(is_bad)} of "
                f"{len(log_weights)} samples, for example at {x[is_bad][0]}; there is "
                "nothing to judge. Fit the flow again, or mend the target there."
            )
        weights.append(log_weights[:left])
        modes.append(responsibilities[:left])
        left -= len(weights[-1])
    mode_mass = None
    if has_modes:
        mode_mass = [float(m) for m in np.concatenate(modes).mean(axis=0)]
    return np.concatenate(weights), mode_mass


def _estimates(log_weights):
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
