"""What a fit returns."""

import dataclasses
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
      stopped_at_step: `None`, or the step at which the loss or a gradient was not
        finite; the flow then holds its best parameters before that step.
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
    stopped_at_step: int | None = None
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
        return self.loss[-tail:].mean(axis=0)

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
        if self.stopped_at_step is not None:
            lines.append(
                f"stopped at step {self.stopped_at_step}, where the loss or a gradient "
                "was not finite; the flow holds its best parameters before that"
            )
        return "\n".join(lines)
