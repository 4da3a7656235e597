"""How well a flow fits a density."""

from typing import Any

import numpy as np
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.density import Density, as_density, check_single_flow
from tfp_flows.diagnostics.estimates import estimates
from tfp_flows.diagnostics.evaluation import Evaluation
from tfp_flows.diagnostics.injectivity import layer_margins
from tfp_flows.diagnostics.moments import QuantitiesFn, moment_errors, quantities_of
from tfp_flows.diagnostics.outside import look_outside
from tfp_flows.diagnostics.sampling import all_samples, draw
from tfp_flows.diagnostics.target import Target
from tfp_flows.types import LogProbFn, Seed


def evaluate(
    flow: Any,
    target_log_prob_fn: LogProbFn | tfp.distributions.Distribution,
    *,
    num_samples: int = 100_000,
    quantities_fn: QuantitiesFn | None = None,
    keep_samples: bool = False,
    seed: Seed = None,
) -> Evaluation:
    """Judges `flow` against an unnormalized density, from samples of the flow.

    Only the forward direction of the flow is used. All estimates are made in float64
    from log weights log p~(x) - log q(x) in the flow's dtype; in float64 where the target
    allows and its log densities are so large that rounding matters.

    What no sample shows is looked for, too: around the modes where gradient ascents from
    points of q, widened 2, 4 and 8 times, end, and beyond the samples. The verdict says
    how far that went. A narrow spike beside all of these remains unseen.

    #### Example

    ```python
    print(tff.diagnostics.evaluate(flow, tff.targets.get("example1"), seed=0))
    ```

    Args:
      flow: `tfd.Distribution` with `experimental_sample_and_log_prob`, event shape
        `[D]` and no batch; or what has one as its `flow`: a `tff.posteriors.Posterior`,
        or the result of a fit, such as a `tff.vi.FitResult`, whose steps, seconds and
        skipped steps the report then shows too.
      target_log_prob_fn: what to judge against. Either a callable, `[S, D]` to `[S]`,
        the log density up to a constant, which may also be NumPy's; or a distribution,
        which is judged by its exact `log_prob`, 0 outside its event space; or a joint
        distribution, pinned or not, of one vector. Log Z, and so `kl`, is known of what
        declares it (`log_normalizer`), and of a `tfd.Distribution` that is no joint one
        and its method `log_prob`, for which it is 0. Targets that know their modes give
        `mode_mass` too.
      num_samples: number of samples, at least 100. A fit can be found good from 4,000
        on: fewer need not show what a thousandth of q does.
      quantities_fn: what will be averaged over draws, whose means and standard deviations
        the verdict is then about: a function of samples `[S, D]` to arrays `[S, ...]` by
        name, such as constrained parameters. `None` is the D coordinates.
      keep_samples: whether to return the samples, too, `num_samples * D` numbers, for
        `Evaluation.resample` and averages with weights.
      seed: `int` or stateless TFP seed; `None` draws a new one.

    Returns:
      `Evaluation`.

    Raises:
      TypeError: if the target returns another dtype than the flow's, or `quantities_fn`
        is no function, or returns no dict of arrays of real numbers.
      ValueError: if `num_samples < 100`, the flow is a batch or not one over vectors, or
        the target is over vectors of another size, returns another shape than `[S]`, NaN
        or +inf at a sample, or gives a point another density when it comes with others;
        if `quantities_fn` fails, or returns arrays of another length.

    #### References

    - A. Kong. A note on importance sampling using standardized weights. University of
      Chicago, Technical Report 348, 1992. (`ess`)
    - A. Vehtari et al. Pareto smoothed importance sampling. JMLR 25(72), 2024. (`khat`)
    - E. B. Wilson. Probable inference, the law of succession, and statistical inference.
      JASA 22(158), 1927. (shares of the samples in the verdict)
    - Y. Yao et al. Yes, but did it work? Evaluating variational inference. ICML 2018.
      (`khat` as a judgement of a variational fit)
    """
    num_samples = numerics.check_size("num_samples", num_samples)
    keep_samples = numerics.check_flag("keep_samples", keep_samples)
    if num_samples < 100:
        raise ValueError(
            f"`num_samples` must be at least 100 to judge a tail, but got {num_samples}."
        )
    flow, fit = _split_result(flow)
    density = as_density(target_log_prob_fn)
    check_single_flow(flow, density)
    exact, log_normalizer = density.exact(), density.log_normalizer
    seed = numerics.stateless_seed(seed)
    points = flow.sample(100, seed=seed)
    quantities_of(quantities_fn, points.numpy())  # fails now, if it does
    target = Target(exact, points, num_samples)
    draws = draw(flow, target, density.modes, num_samples, keep=keep_samples, seed=seed)
    log_weights = draws.log_weights
    if log_normalizer is not None and exact.log_normalizer is not None:
        # On the scale of the log Z that the target declares.
        log_weights = log_weights + (log_normalizer - exact.log_normalizer)
    found = estimates(log_weights)
    smoothed, khat = numerics.psis(log_weights)
    first = draws.samples[: numerics.MOST_POINTS]
    batches = (quantities_of(quantities_fn, x) for x in all_samples(draws, flow, seed))
    return Evaluation(
        **found,
        khat=khat,
        num_samples=num_samples,
        kl=None if log_normalizer is None else log_normalizer - found["elbo"],
        log_normalizer=log_normalizer,
        mode_mass=draws.mode_mass,
        true_mode_mass=_true_mode_mass(density),
        moments=moment_errors(batches, smoothed),
        outside=look_outside(target, first, draws.log_weights, seed),
        rounding=draws.rounding,
        injectivity_margin=min(
            (float(np.min(margins)) for margins in layer_margins(flow)), default=None
        ),
        log_weights=log_weights,
        samples=draws.samples if keep_samples else None,
        **fit,
    )


def _true_mode_mass(density: Density) -> list[float] | None:
    if density.modes is None:
        return None
    return [float(mass) for mass in density.modes.mode_probabilities()]


def _split_result(flow: Any) -> tuple[tfp.distributions.Distribution, dict]:
    """The flow, and what is known of its fit."""
    if not hasattr(flow, "num_steps_done"):
        return getattr(flow, "flow", flow), {}
    return flow.flow, dict(
        num_steps=int(flow.num_steps_done),
        seconds=float(flow.seconds),
        num_skipped_steps=int(np.sum(flow.num_skipped_steps)),
    )
