"""What a fit minimises."""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows.types import StepTerms

# The class of an objective, as `bind` returns one of the same.
Bound = TypeVar("Bound", bound="Objective")


def describe_loss(loss: np.ndarray) -> dict[str, np.ndarray]:
    """A loss as itself."""
    return dict(loss=loss)


class Objective:
    """What a fit minimises over the variables of a flow, step by step.

    A subclass overrides `__call__`, and of the rest what it needs. `tff.vi.fit` calls
    `bind` first, and works on what it returns.

    Attributes:
      flow: the `tfd.Distribution` to train, after `bind`.
      seed: stateless seed, after `bind`: `[2]`, a `Tensor` or `tf.Variable`, constant
        over a fit.
      describe: function of a loss, or an array of losses, to a `dict` of what readers
        know it by, in nats; a progress bar, TensorBoard and the result show it.
      log_normalizer: log Z of the target in nats, where there is one that is known.
      max_chunk_size: most steps between two calls of `feed`; `None` is any number.
      is_function_of_step: whether what a step sees does not depend on those before, so
        that a fit can go on from a checkpoint.
      program_key: hashable, what the compiled loop depends on besides flow and seed:
        that of another objective with the same key serves this one too; `None` keeps
        none.
    """

    flow: tfd.Distribution
    seed: tf.Tensor | tf.Variable
    describe: Callable[[np.ndarray], dict[str, np.ndarray]] = staticmethod(describe_loss)
    log_normalizer: float | None = None
    max_chunk_size: int | None = None
    is_function_of_step: bool = True
    program_key: Any = None

    def bind(
        self: Bound, flow: tfd.Distribution, *, seed: tf.Tensor, jit_compile: bool = False
    ) -> Bound:
        """This objective for a flow, with all that can be checked before training.

        Args:
          flow: `tfd.Distribution` to train.
          seed: stateless seed of the fit.
          jit_compile: whether what it compiles itself is compiled with XLA.

        Returns:
          An objective like this one, with `flow` and `seed`.

        Raises:
          TypeError, ValueError: if flow, target or data are not what it needs.
        """
        del jit_compile
        return self.of(flow, seed)

    def of(self: Bound, flow: tfd.Distribution, seed: tf.Tensor | tf.Variable) -> Bound:
        """As `bind`, without checks."""
        bound = copy.copy(self)
        bound.flow, bound.seed = flow, seed
        return bound

    def __call__(self, step: tf.Tensor) -> StepTerms:
        """The objective at a step, as a graph.

        Args:
          step: scalar `int32`.

        Returns:
          `(objective, loss, beta)`: the scalar whose gradient trains the flow, a sum over
          a batch of flows; the loss to show, `[...batch]`, in nats; and an annealing
          weight to record, scalar, of the loss's dtype, 1 where nothing is annealed.
        """
        raise NotImplementedError

    def suits_xla(self) -> bool:
        """Whether XLA compiles it, after `bind`, in seconds, and runs it well."""
        return True

    def explain(self, step: int) -> str:
        """Why the loss or its gradient was not finite at `step`, and what to do."""
        del step
        return "Lower the learning rate, or compute in float64."

    def feed(self, start: int, end: int) -> None:
        """Called before the steps `start <= step < end`: the data that they need."""

    def held_out_loss(self) -> np.ndarray | None:
        """The loss of held-out data, `[...batch]`; `None` where there are none."""
        return None

    def settings(self) -> dict[str, Any]:
        """Its arguments as plain values, for the result and for checkpoints."""
        return {}

    def fingerprint(self) -> np.ndarray | None:
        """Numbers that tell its target from others; `None` where settings do.

        A kept program serves a fit of the same ones alone, and a checkpoint one of the
        same ones up to rounding.

        Returns:
          Floating-point array, or `None`.
        """
        return None
