"""Compiled fits, kept for the next fit of the same target with the same settings."""

import contextlib
import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import training
from tfp_flows.types import Optimizer, StepTerms
from tfp_flows.vi.objective import Objective
from tfp_flows.vi.recipe import optimizer_for

# XLA keeps what it has compiled until the process ends, 30 to 40 MB for a fit: a sweep
# over seeds must not compile anew. These hold the target and the variables as well.
_MAX_KEPT = 4

_kept: OrderedDict[Hashable, tuple["Program", np.ndarray | None]] = OrderedDict()


@dataclasses.dataclass
class Program:
    """A compiled loop with all that it has to do with.

    Attributes:
      objective: what it minimises, bound to its flow and seed.
      variables: list of the `tf.Variable`s that it trains.
      optimizer: what trains them, built.
      run_steps: what `build_run_steps` returned.
    """

    objective: Objective
    variables: list[tf.Variable]
    optimizer: Optimizer
    run_steps: Callable

    def __post_init__(self) -> None:
        self._initial_slots = [
            np.array(s) for s in training.optimizer_slots(self.optimizer)
        ]

    @property
    def events(self) -> list[training.Event]:
        """What the optimizer needs between calls of the loop."""
        optimizer = self.optimizer
        if isinstance(optimizer, training.EigenbasisAdam) and not optimizer.updates_basis:
            return [training.BasisUpdates(optimizer)]
        return []

    def new_run(self, num_steps: int) -> training.Run:
        """A run of the loop from the present values."""
        flow = self.objective.flow
        return training.Run(
            self.objective,
            self.variables,
            self.optimizer,
            flow.batch_shape,
            flow.dtype,
            num_steps,
        )

    def start_anew(self, values: Sequence[tf.Tensor], seed: tf.Tensor) -> None:
        """Takes initial values of the variables and a seed; the optimizer starts anew."""
        slots = training.optimizer_slots(self.optimizer)
        variables = [*self.variables, *slots, self.objective.seed]
        values = [*values, *self._initial_slots, seed]
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


@contextlib.contextmanager
def program_for(
    objective: Objective,
    variables: list[tf.Variable],
    optimizer: Optimizer,
    fingerprint: np.ndarray | None,
    **loop: Any,
) -> Iterator[Program]:
    """A context with a program that trains `variables`, which have its values at the end.

    A program that is kept has variables of its own. It is kept where the optimizer is the
    recipe's, the flow can be built anew, the objective has a `program_key`, and there is
    no strategy.

    Args:
      objective: bound to the flow of the variables.
      variables: list of `tf.Variable`s.
      optimizer: `None` is the recipe's.
      fingerprint: of the objective.
      **loop: `num_steps`, `clip_norm`, `jit_compile`, `strategy`, `name` and `decays`.

    Yields:
      `Program`, at the values of the variables.
    """
    flow = objective.flow
    parts = rebuild_key(flow), objective.program_key
    is_all = list(map(id, variables)) == list(map(id, flow.trainable_variables))
    is_local = loop["strategy"] is None
    if optimizer is not None or not is_all or None in parts or not is_local:
        yield _build(objective, variables, optimizer, **loop)
        return
    key = (*parts, *loop.values())

    def build() -> Program:
        twin = flow.rebuild(seed=objective.seed, batch_shape=flow.batch_shape)
        over_twin = objective.of(twin, tf.Variable(objective.seed, trainable=False))
        return _build(over_twin, list(twin.trainable_variables), None, **loop)

    with kept_program(key, fingerprint, build) as program:
        program.start_anew(variables, objective.seed)
        try:
            yield program
        finally:
            for variable, value in zip(variables, program.variables, strict=True):
                variable.assign(value)


def _build(
    objective: Objective,
    variables: list[tf.Variable],
    optimizer: Optimizer,
    *,
    num_steps: int,
    decays: bool,
    name: str,
    **loop: Any,
) -> Program:
    """The loop that trains `variables`, with an optimizer."""
    batch_shape = objective.flow.batch_shape
    if optimizer is None:
        batch_ndims = training.num_batch_axes(variables, batch_shape)
        optimizer = optimizer_for(variables, batch_ndims, num_steps, decays=decays)
    optimizer.build(variables)  # its slots can't be made inside the loop

    def objective_fn(step: tf.Tensor) -> StepTerms:
        with tf.name_scope(name):
            return objective(step)

    run_steps = training.build_run_steps(
        objective_fn, variables, optimizer, batch_shape=batch_shape, **loop
    )
    return Program(objective, variables, optimizer, run_steps)


def _are_equal(fingerprint: np.ndarray | None, other: np.ndarray | None) -> bool:
    if fingerprint is None or other is None:
        return fingerprint is other
    return np.array_equal(fingerprint, other, equal_nan=True)


@contextlib.contextmanager
def kept_program(
    key: Hashable, fingerprint: np.ndarray | None, build_program_fn: Callable[[], Program]
) -> Iterator[Program]:
    """A context with the program of an earlier fit of this `key`, or with a new one.

    While it is in use it is nobody else's: a fit in another thread makes its own. A
    target whose values have changed, such as a method of an object that was assigned to,
    is compiled anew: `fingerprint` has them.
    """
    program, earlier = _kept.pop(key, (None, None))
    if program is None or not _are_equal(earlier, fingerprint):
        program = build_program_fn()
    try:
        yield program
    finally:
        _kept[key] = program, fingerprint
        while len(_kept) > _MAX_KEPT:
            _kept.popitem(last=False)


def rebuild_key(flow: tfd.Distribution) -> Hashable | None:
    """What identifies the flows that `flow.rebuild` makes, or `None` if nothing does."""
    rebuild = getattr(flow, "rebuild", None)
    if rebuild is None:
        return None
    key = (rebuild.func, rebuild.args, tuple(sorted(rebuild.keywords.items())))
    try:
        hash(key)
    except TypeError:
        return None
    return key, tuple(flow.batch_shape)
