"""The public functions that are called, each with arguments that are good."""

import dataclasses
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
ALIASES = {"target_log_prob_fn": ["target"], "name": ["target"]}


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
        signature = inspect.signature(self.function)
        return [p.name for p in signature.parameters.values() if p.kind not in kinds]

    def names_of(self, name):
        """By which names a message may call an argument."""
        return [name, *ALIASES.get(name, [])]


def target(x):
    return -0.5 * tf.reduce_sum((x - 1.0) ** 2, axis=-1)


def flow():
    return tff.planar_flow(2, 1, seed=0)


def points():
    return np.random.default_rng(0).normal(size=[12, 2]).astype(np.float32)


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


_FIT = dict(num_steps=3, seed=0, progress_bar=False, jit_compile=False)


CALLS = [
    _builder("planar_flow"),
    _builder("radial_flow"),
    _builder("sylvester_flow"),
    _builder("autoregressive_flow"),
    _builder("build_flow", family=tff.bijectors.PlanarFamily),
    _bijector("Planar", u=[2], w=[2], b=[]),
    _bijector("Radial", center=[2], alpha=[], beta=[]),
    _bijector("Sylvester", r=[2, 2], r2=[2, 2], b=[2], v=[2, 2]),
    _bijector("PlanarStack", u=[3, 2], w=[3, 2], b=[3]),
    _bijector("RadialStack", center=[3, 2], alpha=[3], beta=[3]),
    _bijector("SylvesterStack", r=[3, 2, 2], r2=[3, 2, 2], b=[3, 2], v=[3, 2, 2]),
    Call(
        "targets.get",
        tff.targets.get,
        lambda: dict(name="u1"),
        lambda found, _: judge.not_finite(found.sample(3, seed=(0, 1)), "a sample"),
    ),
    Call(
        "distributions.load",
        tff.distributions.load,
        lambda: dict(path=_flow_file()),
        lambda found, _: judge.not_finite(found.variables, "a variable"),
        weight=1,
    ),
    Call(
        "distributions.save",
        tff.distributions.save,
        lambda: dict(flow=flow(), path=_flow_file()),
        lambda found, _: None,
        weight=1,
    ),
    Call(
        "diagnostics.evaluate",
        tff.diagnostics.evaluate,
        lambda: dict(flow=flow(), target_log_prob_fn=target, num_samples=500, seed=0),
        lambda found, _: judge.not_finite(
            [found.elbo, found.elbo_standard_error, found.log_evidence, found.ess],
            "a figure",
        ),
        weight=2,
    ),
    Call(
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
        lambda found, _: judge.not_finite(found.samples, "a sample"),
        weight=2,
    ),
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
]
