"""Held-out data: evaluated as a fit goes, the best parameters kept."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.training.event import Event
from tfp_flows.training.members import choose
from tfp_flows.training.run import Run


class HeldOutTest(Event):
    """Evaluates the objective's `held_out_loss` at steps 0, n, 2n, ... and at the last.

    The fit ends with the parameters of the lowest. Without held-out data it does nothing.
    """

    def __init__(
        self, *, every_steps: int, num_steps: int, patience: int | None = None
    ) -> None:
        """Plans the evaluations.

        Args:
          every_steps: n.
          num_steps: length of the fit.
          patience: evaluations in a row that are no better than the best one, of every
            member of a batch of flows, before the fit stops; `None` never stops it.
        """
        self._every, self._num_steps, self._patience = every_steps, num_steps, patience
        # The loss at each evaluation, `[E, ...batch]`, NaN where it is still to come, and
        # the parameters of the lowest.
        self._losses: np.ndarray | None = None
        self._parameters: tuple[tf.Tensor, ...] = ()
        self._variables: list[tf.Variable] = []

    def start(self, run: Run) -> None:
        """Evaluates the initial parameters."""
        self._losses = None
        if run.objective.held_out_loss() is None:
            return
        num_evaluations = 1 + -(-self._num_steps // self._every)
        self._losses = np.full([num_evaluations, *run.state.rate.shape], np.nan)
        self._variables = run.variables
        self._parameters = tuple(tf.identity(v) for v in run.variables)
        self.update(run)

    def state(self) -> dict[str, Any]:
        """Losses and parameters."""
        if self._losses is None:
            return {}
        parameters = {f"validated_{i}": v for i, v in enumerate(self._parameters)}
        return dict(validation_loss=self._losses, **parameters)

    def restore(self, values: dict[str, np.ndarray]) -> None:
        """See base class."""
        if self._losses is None:
            return
        losses = np.array(values["validation_loss"])
        parameters = [values[f"validated_{i}"] for i in range(len(self._parameters))]
        shapes = [array.shape for array in (losses, *parameters)]
        if shapes != [tuple(v.shape) for v in (self._losses, *self._parameters)]:
            raise ValueError(f"evaluations and parameters of shapes {shapes}")
        if not all(np.all(np.isfinite(array)) for array in parameters):
            raise ValueError("parameters that are not finite")
        self._losses = losses
        self._parameters = tuple(
            tf.cast(array, variable.dtype)
            for array, variable in zip(parameters, self._variables, strict=True)
        )

    def steps_left(self, step: int) -> int:
        """How many steps may follow `step` before the next evaluation."""
        return self._every - step % self._every

    def update(self, run: Run) -> None:
        """Evaluates if it is time, and keeps parameters that are the best so far."""
        is_due = run.step % self._every == 0 or run.step == self._num_steps
        if self._losses is None or not is_due:
            return
        loss = np.asarray(run.objective.held_out_loss(), np.float64)
        if loss.ndim > self._losses.ndim - 1:  # variables shared by the batch
            loss = np.asarray(np.sum(loss))
        loss = np.where(np.isfinite(loss), loss, np.inf)
        earlier = _done(self._losses)
        is_better = loss < np.min(earlier, axis=0, initial=np.inf)
        self._losses[len(earlier)] = loss
        self._parameters = choose(is_better, run.variables, self._parameters)

    def has_stopped(self) -> bool:
        """Whether patience has run out."""
        if self._patience is None or self._losses is None:
            return False
        losses = _done(self._losses)
        since = len(losses) - 1 - np.argmin(losses, axis=0)
        return bool(np.all(since >= self._patience))

    def conclude(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Gives the variables the best parameters, and the result the evaluations."""
        if self._losses is None:
            return fields
        for variable, value in zip(self._variables, self._parameters, strict=True):
            variable.assign(value)
        losses = _done(self._losses)
        steps = np.minimum(np.arange(len(losses)) * self._every, self._num_steps)
        return fields | dict(
            validation_steps=steps,
            validation_loss=losses,
            best_step=steps[np.argmin(losses, axis=0)],
            best_validation_loss=np.min(losses, axis=0),
        )


def _done(losses: np.ndarray) -> np.ndarray:
    """Those of the evaluations so far."""
    is_done = ~np.isnan(losses).reshape(len(losses), -1)
    return losses[: int(np.sum(np.all(is_done, axis=1)))]
