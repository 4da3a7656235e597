"""The public functions that are called, each with arguments that are good."""

import dataclasses
import functools
import inspect
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

import tfp_flows as tff
from benchmarks.fuzz import judge

# What messages call an argument, besides its own name.
ALIASES = {
    "target_log_prob_fn": ["target"],
    "target": ["target_log_prob_fn"],
    "name": ["target"],
    "images": ["examples"],
}


@dataclasses.dataclass(frozen=True)
class Call:
    """A function, and what it does with good arguments.

    Attributes:
      name: of the function, or of the class.
      function: callable.
      arguments: callable without arguments, to new good ones, by name.
      problem: callable `(result, arguments)`, to what is wrong with a result, or `None`.
      errors: classes of errors that it documents, besides `judge.DOCUMENTED`.
      weight: how often it is called, beside the others.
    """

    name: str
    function: Callable
    arguments: Callable[[], dict[str, Any]]
    problem: Callable[[Any, dict[str, Any]], str | None]
    errors: tuple[type[Exception], ...] = ()
    weight: int = 1

    def parameters(self):
        """The names of all arguments, in the signature's order."""
        kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        found = inspect.signature(self.function).parameters.values()
        return [p.name for p in found if p.kind not in kinds]

    def names_of(self, name):
        """By which names a message may call an argument."""
        return [name, *ALIASES.get(name, [])]


def target(x):
    return -0.5 * tf.reduce_sum((x - 1.0) ** 2, axis=-1)


def flow():
    return tff.planar_flow(2, 1, seed=0)


def points():
    return np.random.default_rng(0).normal(size=[12, 2]).astype(np.float32)


def images():
    return np.random.default_rng(0).uniform(size=[4, 4, 4]).astype(np.float32)


def _flow_file():
    path = pathlib.Path(tempfile.gettempdir()) / "tfp-flows-fuzz.npz"
    if not path.exists():
        tff.distributions.save(flow(), path)
    return path


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


def _numbers(name, function, arguments, of=lambda result: result, **more):
    """A call whose result is, or has, numbers that must be finite."""
    return Call(
        name,
        function,
        arguments,
        lambda result, _: judge.not_finite(of(result), "a result"),
        **more,
    )


@functools.cache
def flow_vae():
    return tff.models.FlowVAE(2, [4, 4], seed=0)


def _fit_objective(target, sample_size=4, annealing_fn=None, num_starts=1):
    objective = tff.vi.ReverseKL(
        target, sample_size=sample_size, annealing_fn=annealing_fn, num_starts=num_starts
    )
    start = tff.planar_flow(
        2, 1, seed=0, batch_shape=[] if num_starts == 1 else [num_starts]
    )
    return tff.vi.fit(start, objective, **_FIT)


def _elbo(images, num_samples=1, batch_size=100, seed=None):
    return flow_vae().elbo(
        images, num_samples=num_samples, batch_size=batch_size, seed=seed
    )


_FIT = dict(num_steps=3, seed=0, progress_bar=False, jit_compile=False)
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
    _numbers(
        "distributions.load",
        tff.distributions.load,
        lambda: dict(path=_flow_file()),
        lambda loaded: loaded.variables,
    ),
    _numbers(
        "distributions.save",
        tff.distributions.save,
        lambda: dict(flow=flow(), path=_flow_file()),
        lambda nothing: tff.distributions.load(_flow_file()).variables,
    ),
]
_JUDGES = [
    _numbers(
        "targets.get",
        tff.targets.get,
        lambda: dict(name="u1"),
        lambda found: found.sample(3, seed=(0, 1)),
    ),
    _numbers(
        "diagnostics.evaluate",
        tff.diagnostics.evaluate,
        lambda: dict(flow=flow(), target_log_prob_fn=target, num_samples=500, seed=0),
        lambda found: [found.elbo, found.elbo_standard_error, found.log_evidence],
        weight=2,
    ),
    _numbers(
        "mcmc.random_walk_metropolis",
        tff.mcmc.random_walk_metropolis,
        lambda: dict(
            target_log_prob_fn=target,
            num_chains=2,
            num_samples=6,
            num_burnin=2,
            event_size=2,
            seed=0,
        ),
        lambda found: found.samples,
        weight=2,
    ),
    _numbers(
        "mcmc.importance_sample",
        tff.mcmc.importance_sample,
        lambda: dict(flow=flow(), target_log_prob_fn=target, num_samples=200, seed=0),
        lambda found: found.samples,
        weight=2,
    ),
    _numbers(
        "mcmc.importance_resample",
        tff.mcmc.importance_resample,
        lambda: dict(flow=flow(), target_log_prob_fn=target, num_samples=20, seed=0),
        lambda found: found.samples,
        weight=2,
    ),
]
_FITS = [
    Call(
        "vi.fit_reverse_kl",
        tff.vi.fit_reverse_kl,
        lambda: dict(
            flow=flow(), target_log_prob_fn=target, sample_size=4, num_starts=1, **_FIT
        ),
        judge.problem_of_fit,
        weight=3,
    ),
    Call(
        "vi.fit_maximum_likelihood",
        tff.vi.fit_maximum_likelihood,
        lambda: dict(flow=flow(), data=points(), batch_size=4, **_FIT),
        judge.problem_of_fit,
        weight=3,
    ),
    Call(
        "vi.fit",
        tff.vi.fit,
        lambda: dict(
            flow=flow(), objective=tff.vi.ReverseKL(target, sample_size=4), **_FIT
        ),
        judge.problem_of_fit,
        weight=2,
    ),
    Call(
        "vi.ReverseKL",
        _fit_objective,
        lambda: dict(target=target),
        lambda found, arguments: judge.problem_of_fit(found, _FIT),
        weight=2,
    ),
    _numbers(
        "vi.gaussian_start",
        tff.vi.gaussian_start,
        lambda: dict(target_log_prob_fn=target, event_size=2, num_iterations=3, seed=0),
        lambda found: [*found.location, *found.scale_tril.ravel(), found.elbo],
        weight=2,
    ),
    _numbers(
        "vi.linear_annealing",
        tff.vi.linear_annealing,
        lambda: dict(num_steps=10),
        lambda anneal: anneal(3),
        weight=2,
    ),
    _numbers(
        "vi.default_optimizer",
        tff.vi.default_optimizer,
        lambda: dict(num_steps=10),
        lambda optimizer: optimizer.learning_rate,
        weight=2,
    ),
]
_KERAS = [
    _numbers(
        "SharedPlanar",
        tff.layers.SharedPlanar,
        lambda: dict(num_layers=2, seed=0),
        lambda layer: layer(tf.zeros([3, 2])),
        weight=2,
    ),
    _numbers(
        "AmortizedSylvester",
        tff.layers.AmortizedSylvester,
        lambda: dict(num_layers=2, seed=0),
        lambda layer: layer([tf.zeros([3, 2]), tf.ones([3, 4])]),
        weight=2,
    ),
    _numbers(
        "FlowModel",
        lambda event_size, seed=None: tff.models.FlowModel(
            event_size, tff.layers.SharedPlanar(1, seed=0), seed=seed
        ),
        lambda: dict(event_size=2),
        lambda model: model.sample(3, seed=0),
        weight=2,
    ),
    _numbers("FlowVAE.elbo", _elbo, lambda: dict(images=images()), weight=2),
]
CALLS = [*_BUILDERS, *_BIJECTORS, *_FILES, *_JUDGES, *_FITS, *_KERAS]
