"""A way back for flows whose loss rises late in a fit."""

import numpy as np
import tensorflow as tf

from tfp_flows.training.event import Event, steps_until
from tfp_flows.training.loop import MEAN_LENGTH
from tfp_flows.training.run import Run

# Shares of the steps at which the loss should have settled.
_SHARES = (0.8, 0.85, 0.9, 0.95)
_LEAST_STEPS = 20 * MEAN_LENGTH


class RiseTest(Event):
    """Takes up the best parameters again where the loss has risen for good.

    Where rare samples have large gradients, as at a sharp fold of a flow, clipping and
    the scaling of Adam make little of them, so that the mean update can point uphill,
    step after step. One fit of 32 of 16 planar layers to `u1` went so from a KL of 0.014
    to 0.08. The loss has risen if its running mean is above its lowest value by more than
    the standard deviation of single steps, about ten times its own.
    """

    def __init__(self, num_steps: int) -> None:
        """Plans the tests, in the last fifth of a fit of so many steps.

        There are none in a fit so short that the running mean, or its memory of what was
        before a way back, would span several of them.
        """
        is_long = num_steps >= _LEAST_STEPS
        self._steps = {int(share * num_steps) for share in _SHARES} if is_long else set()

    def steps_left(self, step: int) -> float:
        """How many steps may follow `step` before the next test."""
        return steps_until(self._steps, step)

    def update(self, run: Run) -> None:
        """Tests, if it is time, and if the target had its full weight."""
        if run.step not in self._steps:
            return
        losses, betas, _ = (trace[-MEAN_LENGTH:] for trace in run.traces.stacked())
        if np.any(betas < 1.0):
            return
        running, lowest, _ = run.state.best
        losses = losses.reshape([len(losses), *running.shape, -1]).sum(axis=-1)
        has_risen = running - lowest > np.std(losses, axis=0)
        has_risen &= run.state.rate > 0.0
        if tf.reduce_any(has_risen):
            run.go_back(has_risen)
