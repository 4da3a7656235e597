"""The public functions that are called, each with arguments that are good."""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

import tfp_flows as tff
from benchmarks.fuzz import functions, judge
from benchmarks.fuzz.call import Call, numbers
from benchmarks.fuzz.chain_calls import CHAINS, ROWS


def _builder(name, **more):
    return Call(
        name,
        getattr(tff.distributions, name),
        lambda: dict(event_size=2, num_layers=2, seed=0, **more),
        judge.problem_of_flow,
        weight=6,
    )


def _bijector(name, **shapes):
    def arguments():
        rng = np.random.default_rng(0)
        values = {key: rng.uniform(0.2, 1.0, shape) for key, shape in shapes.items()}
        return dict(values, validate_args=True)

    return Call(
        name,
        getattr(tff.bijectors, name),
        arguments,
        judge.problem_of_bijector,
        errors=(tf.errors.InvalidArgumentError,),  # of `validate_args`
        weight=4,
    )


_BUILDERS = [
    _builder("planar_flow"),
    _builder("radial_flow"),
    _builder("sylvester_flow"),
    _builder("autoregressive_flow"),
    _builder("build_flow", family=tff.bijectors.PlanarFamily),
]
_BIJECTORS = [
    _bijector("Planar", u=[2], w=[2], b=[]),
    _bijector("Radial", center=[2], alpha=[], beta=[]),
    _bijector("Sylvester", r=[2, 2], r2=[2, 2], b=[2], v=[2, 2]),
    _bijector("PlanarStack", u=[3, 2], w=[3, 2], b=[3]),
    _bijector("RadialStack", center=[3, 2], alpha=[3], beta=[3]),
    _bijector("SylvesterStack", r=[3, 2, 2], r2=[3, 2, 2], b=[3, 2], v=[3, 2, 2]),
    _bijector("Autoregressive", w=[4, 2], b=[4], v=[2, 2, 4], c=[2, 2]),
    _bijector("AutoregressiveStack", w=[3, 4, 2], b=[3, 4], v=[3, 2, 2, 4], c=[3, 2, 2]),
]
_FILES = [
    numbers(
        "distributions.load",
        tff.distributions.load,
        lambda: dict(path=functions.flow_file()),
        lambda loaded: loaded.variables,
    ),
    numbers(
        "distributions.save",
        tff.distributions.save,
        lambda: dict(flow=functions.flow(), path=functions.flow_file()),
        lambda nothing: tff.distributions.load(functions.flow_file()).variables,
    ),
]
_JUDGES = [
    numbers(
        "targets.get",
        tff.targets.get,
        lambda: dict(name="u1"),
        lambda found: found.sample(3, seed=(0, 1)),
    ),
    numbers(
        "diagnostics.evaluate",
        tff.diagnostics.evaluate,
        lambda: dict(
            flow=functions.flow(),
            target_log_prob_fn=functions.target,
            num_samples=500,
            seed=0,
        ),
        lambda found: [found.elbo, found.elbo_standard_error, found.log_evidence],
        weight=2,
    ),
]
_FITS = [
    Call(
        "vi.fit_reverse_kl",
        tff.vi.fit_reverse_kl,
        lambda: dict(
            flow=functions.flow(),
            target_log_prob_fn=functions.target,
            sample_size=4,
            num_starts=1,
            **functions.FIT,
        ),
        judge.problem_of_fit,
        weight=3,
    ),
    Call(
        "vi.fit_maximum_likelihood",
        tff.vi.fit_maximum_likelihood,
        lambda: dict(
            flow=functions.flow(), data=functions.points(), batch_size=4, **functions.FIT
        ),
        judge.problem_of_fit,
        weight=3,
    ),
    Call(
        "vi.fit",
        tff.vi.fit,
        lambda: dict(
            flow=functions.flow(),
            objective=tff.vi.ReverseKL(functions.target, sample_size=4),
            **functions.FIT,
        ),
        judge.problem_of_fit,
        weight=2,
    ),
    Call(
        "vi.ReverseKL",
        functions.fit_objective,
        lambda: dict(target=functions.target),
        lambda found, arguments: judge.problem_of_fit(found, functions.FIT),
        weight=2,
    ),
    numbers(
        "vi.fit_restarts",
        functions.fit_restarts,
        lambda: dict(
            build_flow_fn=functools.partial(tff.planar_flow, 2, 1),
            target_log_prob_fn=functions.target,
            num_restarts=2,
            seed=0,
        ),
        lambda found: [*found.flow.trainable_variables, found.restart_losses],
    ),
    numbers(
        "fit_posterior",
        tff.fit_posterior,
        lambda: dict(joint=functions.joint(), y=[0.3, 1.0, 0.5], **functions.POSTERIOR),
        lambda found: [found.evaluation.elbo, *found.flow.trainable_variables],
    ),
    numbers(
        "Posterior.draws",
        functions.draws,
        lambda: dict(n=100),
        lambda found: [found.values, found.log_weights],
    ),
]
_STARTS = [
    numbers(
        "vi.gaussian_start",
        tff.vi.gaussian_start,
        lambda: dict(
            target_log_prob_fn=functions.target, event_size=2, num_iterations=3, seed=0
        ),
        lambda found: [*found.location, *found.scale_tril.ravel(), found.elbo],
        weight=2,
    ),
    numbers(
        "vi.linear_annealing",
        tff.vi.linear_annealing,
        lambda: dict(num_steps=10),
        lambda anneal: anneal(3),
        weight=2,
    ),
    numbers(
        "vi.default_optimizer",
        tff.vi.default_optimizer,
        lambda: dict(num_steps=10),
        lambda optimizer: optimizer.learning_rate,
        weight=2,
    ),
]
_KERAS = [
    numbers(
        "SharedPlanar",
        tff.layers.SharedPlanar,
        lambda: dict(num_layers=2, seed=0),
        lambda layer: layer(tf.zeros([3, 2])),
        weight=2,
    ),
    numbers(
        "AmortizedSylvester",
        tff.layers.AmortizedSylvester,
        lambda: dict(num_layers=2, seed=0),
        lambda layer: layer([tf.zeros([3, 2]), tf.ones([3, 4])]),
        weight=2,
    ),
    numbers(
        "FlowModel",
        functions.flow_model,
        lambda: dict(event_size=2),
        lambda model: model.sample(3, seed=0),
        weight=2,
    ),
    numbers(
        "ConditionalFlow",
        functions.conditional_flow,
        lambda: dict(event_size=2, x_shape=[3]),
        lambda model: model.sample(np.zeros([4, *model.x_shape], "f"), 2, seed=0),
        weight=2,
    ),
    numbers(
        "FlowVAE.elbo", functions.elbo, lambda: dict(images=functions.images()), weight=2
    ),
]
_SLOW = [dataclasses.replace(call, is_slow=True) for call in _FITS]
CALLS = [*_BUILDERS, *_BIJECTORS, *_FILES, *_JUDGES, *CHAINS, *ROWS, *_SLOW]
CALLS += [*_STARTS, *_KERAS]
