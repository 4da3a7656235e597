"""Compiled fits, kept for the next fit of the same target with the same settings."""

import contextlib
import dataclasses
import inspect
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfp_flows.vi.training_state import optimizer_slots

# XLA keeps what it has compiled until the process ends, 30 to 40 MB for a fit: a sweep
# over seeds must not compile anew. These hold the target and the variables as well.
_MAX_KEPT = 4
# Points at which the target must have the values that it had when it was compiled.
_NUM_POINTS = 64

_kept = OrderedDict()


@dataclasses.dataclass
class Program:
    """A compiled loop with all that it has to do with.

    Attributes:
      starts: the flows that it trains, which are its own or the caller's.
      variables: list of their `tf.Variable`s.
      optimizer: what trains them, built.
      seed: `tf.Variable` of a stateless seed, which the loop reads.
      run_steps: what `build_run_steps` returned.
      log_prob_fn: the target, as the objective calls it.
    """

    starts: object
    variables: list
    optimizer: object
    seed: tf.Variable
    run_steps: Callable
    log_prob_fn: Callable

    def __post_init__(self):
        self._initial_slots = [np.array(s) for s in optimizer_slots(self.optimizer)]

    def start_anew(self, values, seed):
        """Takes initial values of the variables and a seed; the optimizer starts anew."""
        slots = optimizer_slots(self.optimizer)
        variables = [*self.variables, *slots, self.seed]
        values = [*values, *self._initial_slots, seed]
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


@contextlib.contextmanager
def kept_program(key, target_log_prob_fn, points, build_program_fn):
    """A context with the program of an earlier fit, or with a new one.

    While it is in use it is nobody else's: a fit in another thread makes its own. A
    target whose values have changed, such as a method of an object that was assigned to,
    is compiled anew.

    Args:
      key: what the program depends on besides the target, hashable; `None` keeps none.
      target_log_prob_fn: callable, `[S, ..., D]` to `[S, ...]`.
      points: `Tensor`, `[S, ..., D]`.
      build_program_fn: callable without arguments that makes a `Program`.

    Yields:
      `Program`.
    """
    if key is None:
        yield build_program_fn()
        return
    key = (key, _identity(target_log_prob_fn))
    program, _, points, values = _kept.pop(key, (None, None, points[:_NUM_POINTS], None))
    now = tf.convert_to_tensor(target_log_prob_fn(points)).numpy()
    if values is None or not np.array_equal(values, now):
        program = build_program_fn()
    try:
        yield program
    finally:
        # With the target, whose identity would else become that of another object.
        _kept[key] = program, target_log_prob_fn, points, now
        while len(_kept) > _MAX_KEPT:
            _kept.popitem(last=False)


def rebuild_key(flow):
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


def _identity(function):
    """What tells living functions apart; a bound method is made at each access."""
    if inspect.ismethod(function):
        return id(function.__self__), id(function.__func__)
    return id(function)
