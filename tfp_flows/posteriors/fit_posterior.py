"""From a joint distribution and its data to a posterior that is judged."""

import dataclasses
import functools
import pathlib
import warnings
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows import bijectors, diagnostics, distributions, numerics, training, vi
from tfp_flows.diagnostics.verdict import GOOD, LARGEST_GAP, UNDECIDED, VERDICTS
from tfp_flows.posteriors.model import Model, as_model
from tfp_flows.posteriors.pins import log_prob_parts
from tfp_flows.posteriors.posterior import Posterior
from tfp_flows.types import PathLike, Seed
from tfp_flows.vi.arguments import check_seeded

tfb = tfp.bijectors

# Up to so many numbers, planar layers reach a better fit in the same time.
_FEW = 4
_NUM_LAYERS = {"autoregressive": 3}
# Near the Gaussian all flows start alike, so that several would share samples in vain.
_NEAR: dict[str, Any] = dict(num_starts=1, annealing_fn=None)
# Arguments of the fit of a flow; of one that goes on where it falls short, by path
# derivatives, which have less noise, though fits by these alone leave heavier tails of
# importance weights; and of that where evidence is outside of the samples, to which
# annealing and other starts may lead.
_FIRST = dict(_NEAR, num_steps=1_400, sample_size=512)
_FURTHER = dict(_NEAR, num_steps=1_500, sample_size=512, gradient_estimator="path")
_FAR: dict[str, Any] = dict(
    num_steps=6_000, sample_size=1_024, annealing_fn=vi.linear_annealing(6_000)
)
# Standard errors by which the KL of a Gaussian is too large for its draws to be good.
_CERTAINTY = 3.0
# Share of the evidence outside.
_MUCH = 0.01
# How many times more samples judge a flow where the first ones cannot tell.
_MORE = 5
# Points at which parts of a model are looked at, if no start was found.
_NUM_TRIED = 5


def fit_posterior(
    joint: Any,
    *,
    family: str | None = None,
    num_layers: int | None = None,
    seed: Seed = None,
    num_steps: int | None = None,
    sample_size: int | None = None,
    num_evaluation_samples: int = 20_000,
    event_shape: Any = None,
    bijector: Any = None,
    dtype: tf.DType = tf.float32,
    checkpoint_dir: PathLike | None = None,
    jit_compile: bool | None = None,
    progress_bar: bool = True,
    **pins: Any,
) -> Posterior:
    """Fits a flow to the posterior of a model, and judges it.

    The unknowns of the model become one vector of unconstrained numbers, by its own
    event-space bijectors. A Gaussian is fitted to their density first (`tff.vi.
    gaussian_start`). Where it is good enough, it is the posterior; else a flow is fitted
    on top of it, by `tff.vi.fit_reverse_kl` in coordinates in which the Gaussian is the
    standard one.

    #### Example

    ```python
    @tfd.JointDistributionCoroutineAutoBatched
    def eight_schools():
        mu = yield tfd.Normal(0.0, 5.0, name="mu")
        tau = yield tfd.HalfCauchy(0.0, 5.0, name="tau")
        theta = yield tfd.Sample(tfd.Normal(mu, tau), 8, name="theta")
        yield tfd.Normal(theta, sigma, name="y")

    posterior = tff.fit_posterior(eight_schools, y=y, seed=0)
    print(posterior.summary())
    ```

    Args:
      joint: `tfd.JointDistribution` of any flavour, as `tfp.experimental.mcmc.
        windowed_adaptive_nuts` takes it; one that is pinned already; or a callable, the
        log density up to a constant of points, structures of `Tensor`s `[S, *shape]`, to
        `[S]`, with `event_shape`. A model that is right for one point only is mapped over
        points by `tf.vectorized_map`.
      family: a name in `tff.bijectors.FAMILIES`, such as `"sylvester"`; `None` is
        `"planar"` for up to 4 numbers and `"autoregressive"` for more.
      num_layers: K; `None` is 16, or 3 of `"autoregressive"`.
      seed: `int` or stateless TFP seed; `None` draws a new one.
      num_steps: number of updates of the flow. `None` is 1,400, and where the flow is not
        good after these, another 1,500 by path derivatives; or another 6,000, annealed
        and with several starts, where it misses evidence. The better of the two is kept:
        that of the better verdict, or of the larger ELBO if that is the same.
      sample_size: S, samples per update; `None` is 512, and 1,024 of annealed ones.
      num_evaluation_samples: samples of the flow that it is judged by; five times as many
        where these cannot tell.
      event_shape: of a hand-written density: a structure of shapes.
      bijector: from unconstrained numbers to points, `tfb.Bijector` or a structure of
        them, one per part; `None` is the joint distribution's own, or the identity.
      dtype: of a hand-written density; a joint distribution has its own.
      checkpoint_dir: folder for the state of the flow's fit, see `fit_reverse_kl`; needs
        a `seed`.
      jit_compile: whether to compile the flow's fit with XLA; `None` does as
        `fit_reverse_kl`, but not where XLA does not know what loops of the model become,
        and without it where XLA fails, with a `RuntimeWarning`; then, and after `False`,
        `Posterior.refine` does without it, too.
      progress_bar: whether to show one, on stderr.
      **pins: the observed parts of the joint distribution by name. A part whose name is
        one of the arguments here is pinned by `joint.experimental_pin`.

    Returns:
      `Posterior`.

    Raises:
      TypeError: if `joint` is none of these, an unknown is discrete, or the unknowns
        differ in dtype.
      ValueError: if nothing is pinned, a pin has no part, another shape or values that
        are not finite, the joint distribution is a batch, its log density is -inf or NaN
        where fits start, a number is out of range, or there is a `checkpoint_dir` but no
        `seed`. All of this comes before long work.
      FitError: if the fit of the flow fails.
      RuntimeError: if `jit_compile` is `True`, and XLA cannot compile the model.
    """
    if family is not None:
        numerics.check_choice("family", family, bijectors.FAMILIES)
    sizes = dict(
        num_layers=num_layers,
        num_steps=num_steps,
        sample_size=sample_size,
        num_evaluation_samples=num_evaluation_samples,
    )
    for name, size in sizes.items():
        if size is not None:
            numerics.check_size(name, size)
    if jit_compile is not None:
        numerics.check_flag("jit_compile", jit_compile)
    check_seeded(seed, checkpoint_dir)
    model = as_model(joint, pins, event_shape=event_shape, bijector=bijector, dtype=dtype)
    if jit_compile is None and not model.can_compile:
        jit_compile = False
    elif jit_compile is False:
        model = dataclasses.replace(model, can_compile=False)
    seeds = tfp.random.split_seed(
        numerics.stateless_seed(seed), n=4, salt="fit_posterior"
    )
    start_seed, flow_seed, fit_seed, judge_seed = seeds
    start = _find_start(model, start_seed)
    gaussian = start.distribution()
    evaluate = functools.partial(
        diagnostics.evaluate,
        target_log_prob_fn=model.log_prob_fn,
        num_samples=num_evaluation_samples,
        quantities_fn=lambda vectors: model.named(model.constrain(vectors)),
        seed=judge_seed,
    )
    if num_steps is None and _may_be_good(start):
        evaluation = evaluate(gaussian)
        if evaluation.verdict == GOOD:
            return Posterior(model, gaussian, evaluation)
    layers = _build_layers(model, family, num_layers, flow_seed)
    whiten = start.bijector()
    flow = tfd.TransformedDistribution(
        layers.distribution,
        bijectors.chain([layers.bijector, *reversed(whiten.bijectors)]),
    )
    sizes = dict(num_steps=num_steps, sample_size=sample_size)
    given = {name: size for name, size in sizes.items() if size is not None}
    fit_flow = functools.partial(
        vi.fit_reverse_kl,
        layers,
        start.whitened(model.log_prob_fn),
        jit_compile=jit_compile,
        progress_bar=progress_bar,
    )
    first = dict(_FIRST | given, seed=fit_seed, checkpoint_dir=checkpoint_dir)
    fit, fit_flow = _fit_first(fit_flow, first)
    if fit_flow.keywords["jit_compile"] is False:
        model = dataclasses.replace(model, can_compile=False)
    posterior = Posterior(model, flow, _judge(flow, evaluate), fit)
    if posterior.verdict == GOOD or num_steps is not None:
        return posterior
    return _fit_further(posterior, fit_flow, evaluate, given, fit_seed, checkpoint_dir)


def _fit_first(
    fit_flow: functools.partial, arguments: dict[str, Any]
) -> tuple[vi.FitResult, functools.partial]:
    """The first fit, without XLA if that may be and XLA fails, and how to go on."""
    try:
        return fit_flow(**arguments), fit_flow
    except training.XlaError as error:
        if fit_flow.keywords["jit_compile"] is not None:
            raise
        said = f"The model is fitted without XLA, which failed: {error}"
        warnings.warn(said, RuntimeWarning, stacklevel=3)
    fit_flow = functools.partial(fit_flow, jit_compile=False)
    return fit_flow(**arguments), fit_flow


def _find_start(model: Model, seed: tf.Tensor) -> vi.GaussianStart:
    try:
        return vi.gaussian_start(
            model.log_prob_fn, model.event_size, dtype=model.dtype, seed=seed
        )
    except ValueError as error:
        _explain(model, error)
        raise


def _explain(model: Model, error: ValueError) -> None:
    """Raises ValueError if the density is nowhere finite, which names the parts so."""
    points = tf.random.stateless_normal(
        [_NUM_TRIED, model.event_size], [0, 1], dtype=model.dtype
    )
    if np.any(np.isfinite(model.log_prob_fn(points))):
        return
    nowhere: list[str] = []
    if model.joint is not None:
        parts = [
            log_prob_parts(model.joint, model.bijector.forward(point)) for point in points
        ]
        nowhere = [
            name for name in parts[0] if not any(np.isfinite(at[name]) for at in parts)
        ]
    raise ValueError(
        f"The log density{' of ' if nowhere else ''}{', '.join(nowhere)} is infinite or "
        "NaN at all points that the fit may start from: pinned values must be in the "
        "support of their parts, and valid as parameters of others. If they are, pass a "
        "`bijector` with a tfb.Shift that takes 0 to where the density is finite."
    ) from error


def _may_be_good(start: vi.GaussianStart) -> bool:
    """Whether the search has not shown that the Gaussian is too far from the target."""
    return start.gap - _CERTAINTY * start.gap_standard_error <= LARGEST_GAP


def _fit_further(
    first: Posterior,
    fit_flow: functools.partial,
    evaluate: functools.partial,
    given: dict[str, Any],
    seed: tf.Tensor,
    checkpoint_dir: PathLike | None,
) -> Posterior:
    """That of a second fit of the flow; or the first, if the second is no better."""
    variables = first.flow.trainable_variables
    values = [variable.numpy() for variable in variables]
    if checkpoint_dir is not None:
        checkpoint_dir = pathlib.Path(checkpoint_dir) / "further"
    seed = tfp.random.split_seed(seed, n=1, salt="further")[0]
    arguments = _further(first.evaluation) | given
    fit = fit_flow(**arguments, seed=seed, checkpoint_dir=checkpoint_dir)
    evaluation = _judge(first.flow, evaluate)
    if _rank(evaluation) < _rank(first.evaluation):
        return dataclasses.replace(first, evaluation=evaluation, fit=fit)
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return first


def _rank(evaluation: diagnostics.Evaluation) -> tuple[int, float]:
    """Lower of better flows. Of one target, ELBOs differ as KLs do."""
    return VERDICTS.index(evaluation.verdict), -evaluation.elbo


def _judge(flow: tfd.Distribution, evaluate: functools.partial) -> diagnostics.Evaluation:
    evaluation = evaluate(flow)
    if evaluation.verdict == UNDECIDED:
        evaluation = evaluate(flow, num_samples=_MORE * evaluation.num_samples)
    return evaluation


def _further(evaluation: diagnostics.Evaluation) -> dict[str, Any]:
    outside = evaluation.outside
    return _FAR if outside is not None and outside.share > _MUCH else _FURTHER


def _build_layers(
    model: Model, family: str | None, num_layers: int | None, seed: tf.Tensor
) -> tfd.Distribution:
    """The flow in the coordinates of the start."""
    if family is None:
        family = "planar" if model.event_size <= _FEW else "autoregressive"
    return distributions.build_flow(
        bijectors.FAMILIES[family],
        model.event_size,
        num_layers or _NUM_LAYERS.get(family, 16),
        seed=seed,
        dtype=model.dtype,
    )
