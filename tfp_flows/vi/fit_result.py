"""What a fit returns, or raises."""

import dataclasses
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from tensorflow_probability import distributions as tfd

from tfp_flows.vi.objective import describe_loss


@dataclasses.dataclass(frozen=True)
class FitResult:
    """A fitted flow with its traces and the settings that produced it.

    Of a batch of flows, every member has its own losses, faults and best step.

    Attributes:
      flow: the `tfd.Distribution`, trained in place.
      loss: `[num_steps_done, ...batch]` float array, the loss of each step in nats,
        before the update: of a reverse-KL fit the negative ELBO, estimated from that
        step's samples at full weight of the target (beta = 1), which with the target's
        log Z added gives the KL; of a maximum-likelihood fit the mean negative log
        likelihood (NLL) of the batch, weighted where the points are.
      beta: `[num_steps_done]` float array, the weight of the target in the objective;
        ones where nothing is annealed.
      gradient_norm: `[num_steps_done, ...batch]` float array, the norm of all gradients
        of each flow before any clipping.
      settings: `dict`, every argument of the fit as plain Python values.
      seconds: wall time of the fit, checks, tracing and compilation included.
      compile_seconds: the part of it that tracing and compilation took.
      train_seconds: the part of it that the steps took.
      num_skipped_steps: how many steps had a loss, gradient or update that was not
        finite, of each member of a batch of flows.
      num_rollbacks: how often the flow, or one of a batch, went back to its best
        parameters, after faulty steps or a late rise of the loss.
      stop_reason: `"num_steps"`, `"early_stopping"`, `"interrupt"` or `"failure"`;
        another event that stops fits may have a reason of its own.
      describe: function of a loss to a `dict` of what readers know it by.
      log_normalizer: log Z of the target in nats, if it is known; else `None`.
      validation_steps: `[E]` int array, the steps after which held-out data were
        evaluated, the first being 0; `None` without such data.
      validation_loss: `[E, ...batch]` float array, their loss, +inf where it was not
        finite; `None` without them.
      best_step: after how many steps that loss was lowest, `[...batch]`: the flow has the
        parameters of that step. `None` without held-out data: the last ones.
      best_validation_loss: the lowest such loss, `[...batch]`, or `None`. It is a minimum
        over evaluations, hence slightly optimistic: judge by fresh points.
      restart_losses: of `fit_restarts`, the negative ELBO in nats of each of the R flows,
        `[R]`, by fresh samples at the end; else `None`.
    """

    flow: tfd.Distribution
    loss: np.ndarray
    beta: np.ndarray
    gradient_norm: np.ndarray
    settings: dict[str, Any]
    seconds: float
    compile_seconds: float
    train_seconds: float
    num_skipped_steps: np.ndarray | int = 0
    num_rollbacks: int = 0
    stop_reason: str = "num_steps"
    describe: Callable[[np.ndarray], dict[str, np.ndarray]] = describe_loss
    log_normalizer: float | None = None
    validation_steps: np.ndarray | None = None
    validation_loss: np.ndarray | None = None
    best_step: np.ndarray | None = None
    best_validation_loss: np.ndarray | None = None
    restart_losses: np.ndarray | None = None

    @property
    def num_steps_done(self) -> int:
        """The number of updates made."""
        return len(self.loss)

    @property
    def final_loss(self) -> np.ndarray:
        """Mean loss over the last twentieth of the steps, in nats, `[...]`."""
        if self.num_steps_done == 0:
            return np.full(self.loss.shape[1:], np.nan)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of no finite loss at all
            return np.nanmean(self._last_losses(), axis=0)

    @property
    def final_loss_standard_error(self) -> np.ndarray:
        """Standard error of `final_loss`, of independent steps, in nats, `[...]`.

        NaN where the last twentieth is a single step.
        """
        losses = self._last_losses()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return np.nanstd(losses, axis=0, ddof=1) / np.sqrt(len(losses))

    def _last_losses(self) -> np.ndarray:
        tail = max(1, self.num_steps_done // 20)
        return np.where(np.isfinite(self.loss), self.loss, np.nan)[-tail:]

    def __str__(self) -> str:
        lines = [f"{name:<14}{value}" for name, value in self._rows()]
        return "\n".join([f"Fit of {_title(self.flow)}", *lines])

    def _rows(self) -> Iterator[tuple[str, str]]:
        """What a reader wants to know, as pairs of a name and a text."""
        deviation = self.final_loss_standard_error
        error = f" +- {_show(deviation)}" if np.all(np.isfinite(deviation)) else ""
        for name, value in self.describe(self.final_loss).items():
            yield name, f"{_show(value)}{error} nats (last steps)"
        if self.log_normalizer is not None:
            yield "log Z", f"{self.log_normalizer:.4f} nats"
        if self.validation_loss is not None:
            yield (
                "held out",
                f"{_show(self.best_validation_loss)} nats, at step {self.best_step}, "
                "whose parameters the flow has",
            )
        yield (
            "fit",
            f"{self.num_steps_done} steps in {self.seconds:.1f} s, of them "
            f"{self.compile_seconds:.1f} s compilation",
        )
        if self.stop_reason not in ("num_steps", "failure"):
            yield "stopped by", self.stop_reason
        if self.settings.get("num_starts", 1) > 1:
            yield "starts", f"best of {self.settings['num_starts']}"
        if self.restart_losses is not None:
            losses = _show(np.sort(self.restart_losses), precision=3)
            count = len(self.restart_losses)
            yield "restarts", f"best of {count} restarts, of losses {losses}"
        if np.any(self.num_skipped_steps):
            skipped = f"{np.sum(self.num_skipped_steps)} steps skipped"
            yield "faults", f"{skipped}: loss, gradient or update not finite"
        if self.num_rollbacks:
            times = f"{self.num_rollbacks} times"
            yield "went back", f"{times} to its best parameters, at half the rate"
        if self.validation_loss is None:
            yield "judge it", "tff.diagnostics.evaluate(result, target): k-hat, verdict"


class _WithResult(BaseException):
    """An end of a fit that leaves a result, in pickles, too."""

    def __init__(self, message: str, result: FitResult) -> None:
        super().__init__(message)
        self.result = result

    def __reduce__(self) -> tuple:
        return type(self), (str(self), self.result)


class FitError(_WithResult, ArithmeticError):
    """Raised where losses, gradients or updates stay infinite or NaN, again and again.

    Attributes:
      result: `FitResult` up to there. The flow holds its best parameters.
    """


class FitInterrupted(_WithResult, KeyboardInterrupt):
    """Raised where SIGINT or SIGTERM has ended a fit.

    Attributes:
      result: `FitResult` up to there. The flow holds its parameters of then: of several
        starts those of the leading one, with held-out data the best.
    """


def _title(flow: tfd.Distribution) -> str:
    """The flow's name; the one that TFP runs together from two, in words."""
    if not isinstance(flow, tfd.TransformedDistribution):
        return flow.name
    names = flow.bijector.name, flow.distribution.name
    return " over ".join(names) if flow.name == "".join(names) else flow.name


def _show(values: Any, precision: int = 4) -> str:
    return np.array2string(np.asarray(values), precision=precision)
