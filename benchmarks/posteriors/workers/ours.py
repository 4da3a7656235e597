"""`tff.fit_posterior`, by default, with one family, and its Gaussian start alone."""

import functools

import numpy as np

import tfp_flows as tff
from benchmarks.posteriors import models, reference
from benchmarks.posteriors.workers.protocol import answer
from tfp_flows.posteriors.model import as_model

NUM_DRAWS = 20_000


def posterior(options, name, found, seed):
    built = models.build(name, found.data)

    def run():
        fitted = tff.fit_posterior(
            built.joint, seed=seed, progress_bar=False, **options, **built.pins
        )
        fitted.summary()
        return fitted

    return run, functools.partial(collect, name, found, seed)


def gaussian(name, found, seed):
    built = models.build(name, found.data)

    def run():
        model = as_model(built.joint, built.pins)
        start = tff.vi.gaussian_start(
            model.log_prob_fn, model.event_size, dtype=model.dtype, seed=seed
        )
        evaluation = tff.diagnostics.evaluate(
            start.distribution(),
            model.log_prob_fn,
            num_samples=NUM_DRAWS,
            quantities_fn=lambda x: model.named(model.constrain(x)),
            seed=seed,
        )
        fitted = tff.posteriors.Posterior(model, start.distribution(), evaluation)
        fitted.summary()
        return fitted

    return run, functools.partial(collect, name, found, seed)


def collect(name, found, seed, fitted):
    """Raw draws, the errors of weighted ones, and what the evaluation says."""
    raw, weighted = (
        fitted.draws(NUM_DRAWS, weighting=weighting, seed=seed + 1)
        for weighting in ("none", "psis")
    )
    values = reference.parameters(name, found.data, as_numpy(weighted.values))
    moments = reference.moments(values, weighted.log_weights)
    evaluation = fitted.evaluation
    return as_numpy(raw.values), dict(
        weighted=reference.errors(found, *moments),
        verdict=evaluation.verdict,
        khat=evaluation.khat,
        elbo=evaluation.elbo,
        gap=evaluation.gap,
        has_flow=fitted.fit is not None,
    )


def as_numpy(values):
    return {key: np.asarray(part, np.float64) for key, part in values._asdict().items()}


if __name__ == "__main__":
    # A fit is asked for by its number of steps, even where the Gaussian is good.
    flows = dict(
        planar=dict(family="planar"),
        sylvester=dict(family="sylvester", num_layers=4),
        autoregressive=dict(family="autoregressive"),
    )
    methods = {
        method: functools.partial(posterior, dict(options, num_steps=3_000))
        for method, options in flows.items()
    }
    answer(dict(methods, default=functools.partial(posterior, {}), gaussian=gaussian))
