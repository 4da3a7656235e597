"""A fit that could not go on."""

import tensorflow as tf

from tfp_flows.training import Run
from tfp_flows.vi.fit_result import FitResult


class FitError(ArithmeticError):
    """Raised where losses or gradients stay infinite or NaN, after several attempts.

    Attributes:
      result: `FitResult` up to there. The flow holds its best parameters.
    """

    def __init__(self, message: str, result: FitResult) -> None:
        super().__init__(message)
        self.result = result

    def __reduce__(self) -> tuple:
        return type(self), (str(self), self.result)


def describe_failure(run: Run) -> str:
    """What went wrong at the last step of a fit, and what to try."""
    step, rate = run.step - 1, float(tf.reduce_min(run.state.rate))
    return (
        f"The loss or a gradient was not finite at step {step} and the steps before it, "
        f"for the {run.num_rollbacks + 1}th time, with the learning rate down to "
        f"{rate:g} of the given one. {run.objective.explain(step)} The flow holds its "
        "best parameters."
    )
