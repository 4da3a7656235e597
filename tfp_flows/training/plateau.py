"""Early stopping by a statistical test on the loss."""

import math

import numpy as np

from tfp_flows.training.event import Event
from tfp_flows.training.run import Run

# Means of the loss over this many parts of a window count as independent, however the
# losses of single steps are correlated.
_NUM_PARTS = 20

# One-sided 5 %.
_CRITICAL_Z = 1.645

# The learning rate falls by this factor at each plateau; the loss of a plateau at the
# last rate is as low as it gets.
_RATE_FACTOR = 0.3
_NUM_RATES = 4


class PlateauTest(Event):
    """Lowers the learning rate when the loss no longer falls, and at last stops.

    Two windows of a twentieth of the longest fit follow one another. The loss has reached
    a plateau if its mean over the second is not lower than over the first by 1.645
    standard errors of the difference, estimated from the means over 20 parts of each,
    all at beta = 1.
    """

    lowers_rate = True

    def __init__(self, num_steps: int) -> None:
        """Plans the tests.

        Args:
          num_steps: length of the longest fit.
        """
        self._window = max(_NUM_PARTS, num_steps // 20)
        self._num_plateaus, self._settled = 0, 0

    def start(self, run: Run) -> None:
        """Forgets the plateaus of an earlier fit."""
        self._num_plateaus, self._settled = 0, 0

    def state(self) -> dict[str, int]:
        """How many plateaus there were, and the step of the last one."""
        return dict(num_plateaus=self._num_plateaus, settled=self._settled)

    def restore(self, values: dict[str, np.ndarray]) -> None:
        """See base class."""
        self._num_plateaus = int(values["num_plateaus"])
        self._settled = int(values["settled"])

    def rate(self) -> float:
        """0.3 for each plateau."""
        return _RATE_FACTOR**self._num_plateaus

    def steps_left(self, step: int) -> int:
        """How many steps may follow `step` before the next test."""
        return self._window - step % self._window

    def update(self, run: Run) -> None:
        """Tests at the end of a window, if both windows were at full weight."""
        if run.step % self._window or run.step - self._settled < 2 * self._window:
            return
        losses, betas, _ = (
            trace[-2 * self._window :].astype(np.float64)
            for trace in run.traces.stacked()
        )
        if np.any(betas < 1.0):
            return
        losses = losses.reshape(len(losses), -1)
        losses = np.where(np.isfinite(losses), losses, np.nan)
        if not _has_fallen(np.nanmean(losses, axis=1)):
            self._num_plateaus += 1
            self._settled = run.step

    def has_stopped(self) -> bool:
        """Whether the loss has reached a plateau at the last rate."""
        return self._num_plateaus >= _NUM_RATES


def _has_fallen(losses: np.ndarray) -> bool:
    """Whether the second half of the losses is significantly lower than the first."""
    first, second = (
        np.array([np.nanmean(part) for part in np.array_split(half, _NUM_PARTS)])
        for half in np.split(losses, 2)
    )
    variance = (np.var(first, ddof=1) + np.var(second, ddof=1)) / _NUM_PARTS
    return bool(np.mean(first) - np.mean(second) > _CRITICAL_Z * math.sqrt(variance))
