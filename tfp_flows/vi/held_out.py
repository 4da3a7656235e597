"""Held-out likelihood: evaluated as a fit goes, the best parameters kept."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfp_flows.vi import training_loop
from tfp_flows.vi.chunks import xla_errors
from tfp_flows.vi.data_arguments import align
from tfp_flows.vi.event import Event
from tfp_flows.vi.training_state import TrainingState

# Points per call of the compiled density, if there are as many.
_SMALLEST_BLOCK, _LARGEST_BLOCK = 1_024, 4_096


@dataclasses.dataclass
class HeldOutState(TrainingState):
    """A `TrainingState` with what validation adds to it.

    Attributes:
      validation_loss: `[E, ...]`, the held-out NLL at each evaluation, of each member of
        a batch of flows; +inf where it was not finite, NaN where it is still to come.
      validated: tuple of arrays, the parameters of the lowest of them.
    """

    validation_loss: np.ndarray | None = None
    validated: tuple = ()

    def arrays(self):
        """See base class."""
        added = {f"validated_{i}": value for i, value in enumerate(self.validated)}
        return {**super().arrays(), "validation_loss": self.validation_loss, **added}

    def replaced(self, arrays, **fields):
        """See base class."""
        return super().replaced(
            arrays,
            validation_loss=np.array(arrays["validation_loss"]),
            validated=tuple(arrays[f"validated_{i}"] for i in range(len(self.validated))),
            **fields,
        )


class HeldOut(Event):
    """Evaluates the held-out points at steps 0, n, 2n, ... and at the last one."""

    def __init__(self, log_prob_fn, points, *, every_steps, num_steps, patience):
        """Sets up the evaluations.

        Args:
          log_prob_fn: what `compile_log_prob` returned.
          points: array `[V, *event_shape]`.
          every_steps: n.
          num_steps: length of the fit.
          patience: evaluations in a row that are no better than the best one, of every
            member of a batch of flows, before the fit stops; `None` never stops it.
        """
        self._log_prob_fn, self._points = log_prob_fn, points
        self._every, self._num_steps, self._patience = every_steps, num_steps, patience

    def initial_state(self, variables, batch_shape, dtype):
        """The state of a fit that has made no step, with the evaluation at step 0."""
        state = HeldOutState.initial(variables, batch_shape, dtype)
        num_evaluations = 1 + -(-self._num_steps // self._every)
        history = np.full([num_evaluations, *state.rate.shape], np.nan)
        validated = tuple(tf.identity(v) for v in variables)
        return dataclasses.replace(state, validation_loss=history, validated=validated)

    def steps_left(self, step):
        """How many steps may follow `step` before the next evaluation."""
        return self._every - step % self._every

    def update(self, state, variables):
        """Evaluates if it is time, and keeps parameters that are the best so far."""
        if state.step % self._every and state.step != self._num_steps:
            return
        loss = -np.mean(self._log_prob_fn(self._points), axis=0, dtype=np.float64)
        if loss.ndim > state.validation_loss.ndim - 1:  # variables shared by the batch
            loss = np.sum(loss)
        loss = np.where(np.isfinite(loss), loss, np.inf)
        earlier = state.validation_loss[: self._num_done(state)]
        is_better = loss < np.min(earlier, axis=0, initial=np.inf)
        state.validation_loss[len(earlier)] = loss
        state.validated = training_loop.choose(is_better, variables, state.validated)

    def has_stopped(self, state):
        """Whether patience has run out."""
        if self._patience is None:
            return False
        since = self._num_done(state) - 1 - self._best(state)
        return bool(np.all(since >= self._patience))

    def best_step(self, state):
        """The step of the best evaluation of each member, and its loss."""
        best = self._best(state)
        step = np.minimum(best * self._every, self._num_steps)
        return step, np.min(state.validation_loss[: self._num_done(state)], axis=0)

    def trace(self, state):
        """Steps and losses of the evaluations so far."""
        num_done = self._num_done(state)
        steps = np.minimum(np.arange(num_done) * self._every, self._num_steps)
        return steps, state.validation_loss[:num_done]

    def _num_done(self, state):
        is_done = ~np.isnan(state.validation_loss)
        return int(np.sum(np.all(is_done, axis=tuple(range(1, is_done.ndim)))))

    def _best(self, state):
        return np.argmin(state.validation_loss[: self._num_done(state)], axis=0)


def compile_log_prob(flow, *arrays, jit_compile):
    """Compiles the log density of any number of points, in blocks of one size.

    Args:
      flow: `tfd.Distribution`.
      *arrays: what it will be asked for, the most frequent first.
      jit_compile: whether to compile with XLA.

    Returns:
      Function, array `[N, *event_shape]` to array `[N, *batch_shape]`.
    """
    block = min(max(len(arrays[0]), _SMALLEST_BLOCK), _LARGEST_BLOCK)
    block = min(block, max(map(len, arrays)))

    @tf.function(jit_compile=jit_compile, autograph=False)
    def log_prob_of_block(points):
        return flow.log_prob(align(flow, points))

    def log_prob_fn(points):
        parts = []
        for start in range(0, len(points), block):
            part = points[start : start + block]
            padding = np.repeat(part[:1], block - len(part), axis=0)
            with xla_errors(jit_compile):
                values = log_prob_of_block(tf.constant(np.concatenate([part, padding])))
            parts.append(values.numpy()[: len(part)])
        return np.concatenate(parts)

    return log_prob_fn
