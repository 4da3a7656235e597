"""What a fit carries from call to call of its compiled loop."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfp_flows.vi import training_loop

# How often a flow goes back to its best parameters before it gives up.
MAX_ROLLBACKS = 3


@dataclasses.dataclass
class TrainingState:
    """All that a fit carries from step to step, besides variables and optimizer.

    Attributes:
      step: the number of steps made.
      rate: `Tensor`, what multiplies each update, of each member of a batch of flows.
      faults: as `training_loop.initial_faults` makes them.
      best: as `training_loop.initial_best` makes it.
      traces: list of triples of arrays, one per call of the loop.
      num_rollbacks: how often the best parameters were taken up again.
      num_plateaus: how often the loss has been found to fall no longer.
      settled: the step of the last one.
      seconds: time spent by earlier processes.
    """

    step: int
    rate: tf.Tensor
    faults: tuple
    best: tuple
    traces: list
    num_rollbacks: int = 0
    num_plateaus: int = 0
    settled: int = 0
    seconds: float = 0.0

    @classmethod
    def initial(cls, variables, batch_shape, dtype):
        """Before the first step."""
        return cls(
            step=0,
            rate=training_loop.initial_rate(variables, batch_shape),
            faults=training_loop.initial_faults(variables, batch_shape),
            best=training_loop.initial_best(variables, batch_shape, dtype),
            traces=[],
        )

    @property
    def is_faulty(self):
        """Which members have had too many faults in a row, a boolean `Tensor`."""
        is_running = self.rate > 0.0
        return is_running & (self.faults[1] >= training_loop.MAX_FAULTS_IN_A_ROW)

    @property
    def has_failed(self):
        """Whether no member is left that another roll back might help."""
        is_last = self.is_faulty & (self.rate <= 0.5**MAX_ROLLBACKS)
        return bool(tf.reduce_all(is_last | (self.rate == 0.0)))

    def stacked_traces(self):
        """The loss, beta and gradient norm of all steps."""
        return [np.concatenate(parts) for parts in zip(*self.traces, strict=True)]

    def roll_back(self, variables):
        """Takes up the best parameters of faulty members again, at half their rate.

        After `MAX_ROLLBACKS` halves, at the rate 0: the member stays at its best.
        """
        is_faulty = self.is_faulty
        is_last = is_faulty & (self.rate <= 0.5**MAX_ROLLBACKS)
        self.go_back(variables, is_faulty)
        self.rate = tf.where(is_last, 0.0, self.rate)

    def go_back(self, variables, members):
        """Takes up the best parameters of `members` again, at half their rate.

        Args:
          variables: list of `tf.Variable`s.
          members: boolean `Tensor`, which members of the batch.
        """
        training_loop.roll_back(variables, self.best[2], members)
        total, in_a_row = self.faults
        lower = tf.maximum(0.5 * self.rate, 0.5**MAX_ROLLBACKS)
        self.rate = tf.where(members, lower, self.rate)
        self.faults = total, tf.where(members, tf.zeros_like(in_a_row), in_a_row)
        self.num_rollbacks += 1

    def reorder(self, parents):
        """Puts member `parents[i]` of a batch, with its history, at place `i`.

        Args:
          parents: `[R, ...]` array of `int`, for all batch axes of the loss.
        """

        def take(values):
            return tf.constant(take_members(values.numpy(), parents))

        self.rate = take(self.rate)
        self.faults = tuple(take(part) for part in self.faults)
        running, lowest, best = self.best
        self.best = take(running), take(lowest), tuple(take(part) for part in best)
        loss, beta, norm = self.stacked_traces()
        loss, norm = (take_from_trace(trace, parents) for trace in (loss, norm))
        self.traces = [(loss, beta, norm)]

    def arrays(self):
        """The tensors by name, for a checkpoint."""
        names = {"rate": [self.rate], "faults": self.faults, "mean": self.best[:2]}
        names["best"] = self.best[2]
        return {
            f"{n}_{i}": v for n, values in names.items() for i, v in enumerate(values)
        }

    def replaced(self, arrays, **fields):
        """A state with the tensors of `arrays` and other `fields`."""
        num_best = len(self.best[2])
        return dataclasses.replace(
            self,
            rate=arrays["rate_0"],
            faults=(arrays["faults_0"], arrays["faults_1"]),
            best=(
                arrays["mean_0"],
                arrays["mean_1"],
                tuple(arrays[f"best_{i}"] for i in range(num_best)),
            ),
            **fields,
        )


def take_members(values, index):
    """Members of a batch, chosen for each place of the other batch axes.

    Args:
      values: array `[R, ...batch, ...event]`.
      index: array of `int`, `[n, ...batch]`.

    Returns:
      Array `[n, ...batch, ...event]`.
    """
    index = index.reshape(index.shape + (1,) * (values.ndim - index.ndim))
    return np.take_along_axis(values, index, axis=0)


def take_from_trace(trace, index):
    """As `take_members`, of each step of a trace, `[N, R, ...batch]`."""
    return np.take_along_axis(trace, index[np.newaxis], axis=1)


def optimizer_slots(optimizer):
    """The variables of a Keras 3 or tf_keras optimizer, a list."""
    variables = optimizer.variables
    return list(variables() if callable(variables) else variables)
