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
      num_rollbacks: how often the flow, or one of a batch, went back to its best
        parameters, after faulty steps or a late rise of the loss.
      log_normalizer: log Z of the target in nats, if it is known; else `None`.
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
    log_normalizer: float | None = None
    restart_losses: np.ndarray | None = None

    @property
    def num_steps_done(self):
        """The number of updates made."""
        return len(self.loss)

    @property
    def final_loss(self):
        """Mean negative ELBO over the last twentieth of the steps, in nats, `[...]`."""
        if self.num_steps_done == 0:
            return np.full(self.loss.shape[1:], np.nan)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of no finite loss at all
            return np.nanmean(self._last_losses(), axis=0)

    @property
    def final_loss_standard_error(self):
        """Standard error of `final_loss`, of independent steps, in nats, `[...]`."""
        losses = self._last_losses()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return np.nanstd(losses, axis=0, ddof=1) / np.sqrt(len(losses))

    def _last_losses(self):
        tail = max(1, self.num_steps_done // 20)
        return np.where(np.isfinite(self.loss), self.loss, np.nan)[-tail:]

    def __str__(self):
        def show(values):
            return np.array2string(np.asarray(values), precision=4)

        error = show(self.final_loss_standard_error)
        rows = [("ELBO", f"{show(-self.final_loss)} +- {error} nats (last steps)")]
        if self.log_normalizer is not None:
            kl = show(self.final_loss + self.log_normalizer)
            rows.append(("KL", f"{kl} +- {error} nats (log Z {self.log_normalizer:.4f})"))
        rows.append(
            (
                "fit",
                f"{self.num_steps_done} steps in {self.seconds:.1f} s, of them "
                f"{self.compile_seconds:.1f} s compilation",
            )
        )
        if self.settings.get("num_starts", 1) > 1:
            rows.append(("starts", f"best of {self.settings['num_starts']}"))
        if self.restart_losses is not None:
            losses = np.array2string(np.sort(self.restart_losses), precision=3)
            count = len(self.restart_losses)
            rows.append(("restarts", f"best of {count} restarts, of losses {losses}"))
        if np.any(self.num_skipped_steps):
            skipped = np.sum(self.num_skipped_steps)
            rows.append(
                ("faults", f"{skipped} steps skipped: loss or gradient not finite")
            )
        if self.num_rollbacks:
            times = f"{self.num_rollbacks} times"
            rows.append(
                ("went back", f"{times} to its best parameters, at half the rate")
            )
        rows.append(
            ("judge it", "tff.diagnostics.evaluate(result, target): k-hat, verdict")
        )
        lines = [f"Fit of {self.flow.name}"]
        return "\n".join(lines + [f"{name:<14}{value}" for name, value in rows])
