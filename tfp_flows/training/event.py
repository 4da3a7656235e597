"""What happens between calls of the compiled loop."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tfp_flows.training.run import Run


class Event:
    """Something that happens at certain steps of a fit, and what it has to remember.

    A subclass overrides `update`, and of the rest what it needs. What it remembers is its
    own; a checkpoint stores it if `state` returns it, under the name of the class, so
    that a fit has one event of each class at most. An event may serve one fit after the
    other: `start` forgets the one before.

    A `Tournament` changes the places of the members of a batch, and does not tell other
    events: what an event remembers of single members, as `HeldOutTest` does, is not for
    fits with one.

    Attributes:
      lowers_rate: whether it lowers the learning rate itself: the default optimizer of a
        fit has no decay then.
      stop_reason: the `stop_reason` of the result of a fit that it has stopped.
    """

    lowers_rate = False
    stop_reason = "early_stopping"

    def start(self, run: Run) -> None:
        """Called before the first step, and before a checkpoint is read."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint stores, arrays or numbers by name; it may grow."""
        return {}

    def restore(self, values: dict[str, np.ndarray]) -> None:
        """Takes up what `state` returned, as arrays; those of `bfloat16` as `float32`.

        Raises:
          KeyError, IndexError, TypeError, ValueError, tf.errors.OpError: if it cannot:
            the file is refused then.
        """

    def rate(self) -> float:
        """From 0 to 1: what multiplies each update of the variables until `update`."""
        return 1.0

    def sharing(self, step: int) -> np.ndarray | None:
        """The `sharing` of the loop from `step` on, or `None`; see `build_run_steps`."""
        del step
        return None

    def steps_left(self, step: int) -> float:
        """How many steps may follow `step` before `update` is to be called: 1 or more."""
        del step
        return math.inf

    def update(self, run: Run) -> None:
        """Called after each call of the loop; acts if it is time."""

    def has_stopped(self) -> bool:
        """Whether the fit is over."""
        return False

    def finish(self, run: Run) -> None:
        """Called after the last step, also of an interrupted fit; not of a failed one."""

    def conclude(self, fields: dict[str, Any]) -> dict[str, Any]:
        """What it adds to the fields of the result, or changes in them.

        Args:
          fields: `dict`, the fields of the result by name.

        Returns:
          `dict`, the fields that the result is to have.
        """
        return fields

    def close(self) -> None:
        """Called at the end if `start` was, whatever has failed, `start` included."""


def steps_until(steps: Iterable[int], step: int) -> float:
    """How many steps are left from `step` to the next of `steps`; infinite after them."""
    return min((at - step for at in steps if at > step), default=math.inf)
