"""What a maximum-likelihood fit returns."""

import dataclasses

import numpy as np

from tfp_flows.vi.fit_result import FitResult


@dataclasses.dataclass(frozen=True)
class LikelihoodResult(FitResult):
    """A `FitResult` whose losses are negative log likelihoods (NLL) in nats per point.

    Of a batch of flows, every member has its own losses and its own best step.

    Attributes:
      loss: `[num_steps_done, ...batch]` float array, the mean NLL of the batch of each
        step, before the update.
      beta: `[num_steps_done]` float array of ones: nothing is annealed.
      validation_steps: `[E]` int array, the steps after which the held-out points were
        evaluated, the first being 0; `None` without such points.
      validation_loss: `[E, ...batch]` float array, the mean NLL of the held-out points,
        +inf where it was not finite; `None` without them.
      best_step: after how many steps the held-out NLL was lowest, `[...batch]`: the flow
        has the parameters of that step. `None` without held-out points: the last ones.
      best_validation_loss: the lowest held-out NLL, `[...batch]`, or `None`. It is a
        minimum over evaluations, hence slightly optimistic: judge by fresh points.
      stop_reason: `"num_steps"`, `"early_stopping"` or `"failure"`.
    """

    validation_steps: np.ndarray | None = None
    validation_loss: np.ndarray | None = None
    best_step: np.ndarray | None = None
    best_validation_loss: np.ndarray | None = None
    stop_reason: str = "num_steps"

    def __str__(self):
        lines = [
            f"Fit of {self.flow.name}: {self.num_steps_done} steps in "
            f"{self.seconds:.1f} s, training NLL {_number(self.final_loss)} nats"
        ]
        if self.validation_loss is not None:
            lines.append(
                f"held-out NLL {_number(self.best_validation_loss)} nats, at step "
                f"{self.best_step}, whose parameters the flow has"
            )
        if self.stop_reason == "early_stopping":
            lines.append(
                f"stopped early: no better held-out NLL for "
                f"{self.settings['patience']} evaluations"
            )
        if np.any(self.num_skipped_steps):
            lines.append(
                f"{np.sum(self.num_skipped_steps)} steps skipped, whose loss or gradient "
                f"was not finite; {self.num_rollbacks} times back to the best parameters"
            )
        return "\n".join(lines)


def _number(value):
    return np.array2string(np.asarray(value), precision=4)
