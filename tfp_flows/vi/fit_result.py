"""What a fit returns."""

import dataclasses
import warnings
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class FitResult:
    """A fitted flow with its traces and the settings that produced it.

    Attributes:
      flow: the `tfd.TransformedDistribution`, trained in place.
      loss: `[num_steps_done, ...batch]` float array, the negative ELBO in nats at each
        step, estimated from that step's samples at full weight of the target (beta = 1)
        before the update. Adding the target's log Z, where known, gives the KL.
      beta: `[num_steps_done]` float array, the weight of the target in the objective.
      gradient_norm: `[num_steps_done, ...batch]` float array, the norm of all gradients
        of each flow before any clipping.
      settings: `dict`, every argument of the fit as plain Python values.
      seconds: wall time of the fit, checks, tracing and compilation included.
      compile_seconds: the part of it that tracing and compilation took.
      train_seconds: the part of it that the steps took.
      num_skipped_steps: how many steps had a loss or gradient that was not finite, of
        each member of a batch of flows.
      num_rollbacks: how often the flow went back to its best parameters.
      restart_losses: of `fit_restarts`, the negative ELBO in nats of each of the R flows,
        `[R]`, by fresh samples at the end; else `None`.
    """

    flow: Any
    loss: np.ndarray
    beta: np.ndarray
    gradient_norm: np.ndarray
    settings: dict
    seconds: float
    compile_seconds: float
    train_seconds: float
    num_skipped_steps: np.ndarray = 0
    num_rollbacks: int = 0
    restart_losses: np.ndarray | None = None

    @property
    def num_steps_done(self):
        """The number of updates made."""
        return len(self.loss)

    @property
    def final_loss(self):
        """Mean negative ELBO over the last twentieth of the steps, in nats, `[...]`."""
        tail = max(1, self.num_steps_done // 20)
        if self.num_steps_done == 0:
            return np.full(self.loss.shape[1:], np.nan)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of no finite loss at all
            losses = np.where(np.isfinite(self.loss), self.loss, np.nan)
            return np.nanmean(losses[-tail:], axis=0)

    def __str__(self):
        loss = np.array2string(np.asarray(self.final_loss), precision=4)
        lines = [
            f"Fit of {self.flow.name}: {self.num_steps_done} steps in "
            f"{self.seconds:.1f} s, loss (negative ELBO) {loss} nats"
        ]
        if self.restart_losses is not None:
            lines.append(
                f"best of {len(self.restart_losses)} restarts, whose losses were "
                + np.array2string(np.sort(self.restart_losses), precision=3)
            )
        if np.any(self.num_skipped_steps):
            lines.append(
                f"{np.sum(self.num_skipped_steps)} steps skipped, whose loss or gradient "
                f"was not finite; {self.num_rollbacks} times back to the best parameters"
            )
        return "\n".join(lines)
