"""Early stopping by a statistical test on the ELBO."""

import math

import numpy as np

from tfp_flows.vi.event import Event

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
    standard errors of the difference, estimated from the means over 20 parts of each.
    """

    def __init__(self, num_steps):
        """Plans the tests.

        Args:
          num_steps: length of the longest fit.
        """
        self._window = max(_NUM_PARTS, num_steps // 20)

    def steps_left(self, step):
        """How many steps may follow `step` before the next test."""
        return self._window - step % self._window

    def update(self, state, variables):
        """Tests at the end of a window, if both windows were at full weight.

        Args:
          state: `TrainingState`, whose count of plateaus is brought up to date.
          variables: not used.
        """
        del variables
        if state.step % self._window or state.step - state.settled < 2 * self._window:
            return
        losses, betas, _ = (
            trace[-2 * self._window :].astype(np.float64)
            for trace in state.stacked_traces()
        )
        if np.any(betas < 1.0):
            return
        losses = losses.reshape(len(losses), -1)
        losses = np.where(np.isfinite(losses), losses, np.nan)
        if not has_fallen(np.nanmean(losses, axis=1)):
            state.num_plateaus += 1
            state.settled = state.step

    def has_stopped(self, state):
        """Whether the loss has reached a plateau at the last rate."""
        return state.num_plateaus >= _NUM_RATES


def has_fallen(losses):
    """Whether the second half of the losses is significantly lower than the first.

    Args:
      losses: `[2 N]` array.

    Returns:
      `bool`.
    """
    first, second = (
        np.array([np.nanmean(part) for part in np.array_split(half, _NUM_PARTS)])
        for half in np.split(losses, 2)
    )
    variance = (np.var(first, ddof=1) + np.var(second, ddof=1)) / _NUM_PARTS
    return bool(np.mean(first) - np.mean(second) > _CRITICAL_Z * math.sqrt(variance))


def rate_factor(num_plateaus):
    """What multiplies the learning rate after so many plateaus."""
    return _RATE_FACTOR**num_plateaus
