"""Several starts that compete for one result and share the samples of one."""

from typing import Any

import numpy as np

from tfp_flows.training.event import Event, steps_until
from tfp_flows.training.members import take_from_trace, take_members
from tfp_flows.training.run import Run

# Shares of the steps after which the worse half of the starts is dropped. In fits of all
# built-in densities the rank correlation of the losses at 40 % with those at the end was
# 0.45 to 0.9, at 75 % 0.76 to 0.98.
_ROUNDS = (0.4, 0.6, 0.75, 0.85)


class Tournament(Event):
    """R starts of which, round by round, the better half goes on.

    The starts are a batch, `[R, ...]`, throughout, so that one compiled program serves
    all rounds. One that goes on takes the places of those that are dropped: the copies
    share the mean of their gradients, and so remain the same, trained on the samples of
    all their places. Other events are not told of the new places; see `Event`.
    """

    def __init__(self, num_starts: int, num_steps: int) -> None:
        """Plans the rounds.

        Args:
          num_starts: R, a power of 2.
          num_steps: length of the fit.
        """
        self._num_starts = num_starts
        left, self._rounds = num_starts, {}
        for share in _ROUNDS[: num_starts.bit_length() - 1]:
            left //= 2
            self._rounds[max(1, int(share * num_steps))] = left
        self._window = max(1, num_steps // 20)
        self._run: Run

    def start(self, run: Run) -> None:
        """See base class."""
        self._run = run

    def steps_left(self, step: int) -> float:
        """How many steps may follow `step` before the next round."""
        return steps_until(self._rounds, step)

    def sharing(self, step: int) -> np.ndarray:
        """The weights, `[R, R]`, by which members average their gradients."""
        lefts = [n for at, n in self._rounds.items() if at <= step]
        left = min(lefts, default=self._num_starts)
        size = self._num_starts // left
        return np.kron(np.eye(left), np.full([size, size], 1.0 / size))

    def update(self, run: Run) -> None:
        """Drops the worse half if the step is a round's: its members become copies."""
        if run.step not in self._rounds:
            return
        left = self._rounds[run.step]
        losses = self._recent_losses(run)
        losses = np.where(run.state.rate.numpy() > 0.0, losses, np.inf)
        survivors = np.sort(np.argsort(losses, axis=0, kind="stable")[:left], axis=0)
        run.reorder(np.repeat(survivors, self._num_starts // left, axis=0))

    def leader(self) -> np.ndarray:
        """The index of the start with the lowest running mean of the loss, `[1, ...]`.

        After a failure, when each start takes up its best parameters again, it is the
        lowest that the mean has been.
        """
        state = self._run.state
        losses = state.best.lowest if state.has_failed else state.best.running
        losses = np.where(np.isfinite(losses), losses, np.inf)
        return np.argmin(losses, axis=0)[np.newaxis]

    def conclude(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The traces and faults of the leader alone."""
        leader = self.leader()
        traces = {
            name: take_from_trace(fields[name], leader)[:, 0]
            for name in ("loss", "gradient_norm")
        }
        skipped = take_members(fields["num_skipped_steps"], leader)[0]
        return fields | traces | dict(num_skipped_steps=skipped)

    def _recent_losses(self, run: Run) -> np.ndarray:
        """Mean loss of each member over the last steps, infinite where one is."""
        losses = run.traces.stacked()[0][-self._window :]
        means = losses.astype(np.float64).mean(axis=0)
        return np.where(np.isfinite(means), means, np.inf)
