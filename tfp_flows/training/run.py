"""A fit under way: what it trains, where it is, and what it has seen."""

import dataclasses
import time
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.training.members import choose, take_from_trace, take_members
from tfp_flows.training.state import MAX_ROLLBACKS, Faults, TrainingState
from tfp_flows.types import Optimizer


class Traces:
    """The loss, annealing weight and gradient norm of all steps.

    Attributes:
      last_call: the three arrays of the last call of the loop, as they were.
    """

    NAMES = ("loss", "beta", "gradient_norm")

    def __init__(self, arrays: list[np.ndarray]) -> None:
        """Takes the three arrays of the steps so far."""
        self._parts = [arrays]
        self.last_call = arrays

    def append(self, call: list[np.ndarray]) -> None:
        """Adds the three arrays of a call of the loop."""
        self._parts.append(call)
        self.last_call = call

    def stacked(self) -> list[np.ndarray]:
        """The three, each of all steps: `[N, ...batch]`, `[N]`, `[N, ...batch]`."""
        return [np.concatenate(parts) for parts in zip(*self._parts, strict=True)]

    def replace(self, arrays: list[np.ndarray]) -> None:
        """Takes other arrays in place of all that is there."""
        self._parts = [arrays]


@dataclasses.dataclass
class Run:
    """A fit under way, as events see it.

    Attributes:
      objective: what is minimised, as `tff.vi.Objective` says.
      variables: list of the `tf.Variable`s that are trained.
      optimizer: what trains them, built.
      batch_shape: `tf.TensorShape` of the loss.
      dtype: of the loss.
      num_steps: length of the fit.
      state: `TrainingState`.
      traces: `Traces`.
      num_rollbacks: how often best parameters were taken up again.
      earlier_seconds: time that steps took in earlier processes.
      began: when the first step of this process began, by `time.perf_counter`.
    """

    objective: Any
    variables: list[tf.Variable]
    optimizer: Optimizer
    batch_shape: tf.TensorShape
    dtype: tf.DType
    num_steps: int
    state: TrainingState = dataclasses.field(init=False)
    traces: Traces = dataclasses.field(init=False)
    num_rollbacks: int = 0
    earlier_seconds: float = 0.0
    began: float | None = None

    def __post_init__(self) -> None:
        self.state = TrainingState.initial(self.variables, self.batch_shape, self.dtype)
        scalar = tf.TensorShape([])
        shapes = (self.batch_shape, scalar, self.state.rate.shape)
        dtype = self.dtype.as_numpy_dtype
        self.traces = Traces([np.zeros([0, *shape], dtype) for shape in shapes])
        self._initial_slots = [tf.constant(np.array(s)) for s in self._member_slots()]

    @property
    def seconds(self) -> float:
        """The time that the steps have taken, with what is between them."""
        now = 0.0 if self.began is None else time.perf_counter() - self.began
        return self.earlier_seconds + now

    @property
    def step(self) -> int:
        """The number of steps made."""
        return self.state.step

    def roll_back(self) -> None:
        """Takes up the best parameters of faulty members again, at half their rate.

        The optimizer forgets what it knows of them. After `MAX_ROLLBACKS` halves, at the
        rate 0: the member stays at its best.
        """
        is_faulty, is_last = self.state.is_faulty, self.state.is_last_fault
        self.go_back(is_faulty)
        self.state.rate = tf.where(is_last, 0.0, self.state.rate)
        # What led to faults, such as a momentum or a scale out of bounds, would again.
        slots = self._member_slots()
        forgotten = choose(is_faulty, self._initial_slots, slots)
        for slot, value in zip(slots, forgotten, strict=True):
            slot.assign(value)

    def go_back(self, members: tf.Tensor) -> None:
        """Takes up the best parameters of `members` again, at half their rate.

        Args:
          members: boolean, which members of the batch.
        """
        state = self.state
        best = choose(members, state.best.parameters, self.variables)
        for variable, value in zip(self.variables, best, strict=True):
            variable.assign(value)
        lower = tf.maximum(0.5 * state.rate, 0.5**MAX_ROLLBACKS)
        state.rate = tf.where(members, lower, state.rate)
        total, in_a_row = state.faults
        state.faults = Faults(total, tf.where(members, tf.zeros_like(in_a_row), in_a_row))
        self.num_rollbacks += 1

    def reorder(self, parents: np.ndarray) -> None:
        """Puts member `parents[i]` of a batch, with its history, at place `i`.

        Variables, slots of the optimizer, state and traces go together.

        Args:
          parents: `[R, ...]` array of `int`, for all batch axes of the loss.
        """
        state = self.state
        for variable in [*self.variables, *self._member_slots()]:
            variable.assign(take_members(np.array(variable), parents))
        state.rate, state.faults, state.best = tf.nest.map_structure(
            lambda value: tf.constant(take_members(value.numpy(), parents)),
            (state.rate, state.faults, state.best),
        )
        loss, beta, norm = self.traces.stacked()
        loss, norm = (take_from_trace(trace, parents) for trace in (loss, norm))
        self.traces.replace([loss, beta, norm])

    def _member_slots(self) -> list[tf.Variable]:
        """The optimizer's slots of the members: not its counters, nor its rate."""
        batch_shape = self.state.rate.shape
        rate = getattr(self.optimizer, "learning_rate", None)
        return [
            slot
            for slot in optimizer_slots(self.optimizer)
            if tf.as_dtype(slot.dtype).is_floating
            and slot.shape[: batch_shape.rank] == batch_shape
            and slot is not rate
        ]


def optimizer_slots(optimizer: Optimizer) -> list[tf.Variable]:
    """The variables of a Keras 3 or tf_keras optimizer."""
    variables = optimizer.variables
    return list(variables() if callable(variables) else variables)
