"""What the compiled loop takes and returns from call to call."""

import dataclasses
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfp_flows.training.members import num_batch_axes
from tfp_flows.types import Variables

# Steps in a row whose loss or gradient is not finite, before a fit goes back to its best
# parameters. A single bad sample is gone at the next step.
MAX_FAULTS_IN_A_ROW = 10

# How often a flow goes back to its best parameters before it gives up.
MAX_ROLLBACKS = 3


class Faults(NamedTuple):
    """Steps whose loss or gradient was not finite, of each member of a batch of flows.

    Attributes:
      total: how many in all, `int32`.
      in_a_row: how many since the last good step, `int32`.
    """

    total: tf.Tensor
    in_a_row: tf.Tensor


class Best(NamedTuple):
    """The best parameters so far, of each member of a batch of flows.

    Attributes:
      running: exponential mean of the loss.
      lowest: the lowest that it has been; +inf at first.
      parameters: tuple of the variables' values then; at first, those given.
    """

    running: tf.Tensor
    lowest: tf.Tensor
    parameters: tuple[tf.Tensor, ...]


@dataclasses.dataclass
class TrainingState:
    """What a fit carries from step to step, besides variables and optimizer.

    Attributes:
      step: the number of steps made.
      rate: what multiplies each update, of each member of a batch of flows; 0 for those
        that have given up.
      faults: `Faults`.
      best: `Best`.
    """

    step: int
    rate: tf.Tensor
    faults: Faults
    best: Best

    @classmethod
    def initial(
        cls, variables: Variables, batch_shape: tf.TensorShape, dtype: tf.DType
    ) -> "TrainingState":
        """Before the first step."""
        shape = batch_shape[: num_batch_axes(variables, batch_shape)]
        return cls(
            step=0,
            rate=tf.ones(shape),
            faults=Faults(tf.zeros(shape, tf.int32), tf.zeros(shape, tf.int32)),
            best=Best(
                tf.zeros(shape, dtype),
                tf.fill(shape, tf.constant(np.inf, dtype)),
                tuple(tf.identity(v) for v in variables),
            ),
        )

    @property
    def is_faulty(self) -> tf.Tensor:
        """Which members have had too many faults in a row, a boolean `Tensor`."""
        return (self.rate > 0.0) & (self.faults.in_a_row >= MAX_FAULTS_IN_A_ROW)

    @property
    def is_last_fault(self) -> tf.Tensor:
        """Which of them have gone back as often as may be."""
        return self.is_faulty & (self.rate <= 0.5**MAX_ROLLBACKS)

    @property
    def has_failed(self) -> bool:
        """Whether no member is left that another roll back might help."""
        return bool(tf.reduce_all(self.is_last_fault | (self.rate == 0.0)))

    def arrays(self) -> dict[str, tf.Tensor]:
        """The tensors by name, for a checkpoint."""
        groups = {"rate": [self.rate], "faults": self.faults, "mean": self.best[:2]}
        groups["best"] = self.best.parameters
        return {f"{n}_{i}": v for n, group in groups.items() for i, v in enumerate(group)}

    def restore(self, step: int, arrays: dict[str, tf.Tensor]) -> None:
        """Takes up what `arrays` returned, after so many steps."""
        self.step, self.rate = step, arrays["rate_0"]
        self.faults = Faults(arrays["faults_0"], arrays["faults_1"])
        parameters = tuple(arrays[f"best_{i}"] for i in range(len(self.best.parameters)))
        self.best = Best(arrays["mean_0"], arrays["mean_1"], parameters)
