"""What happens between calls of the compiled loop."""

import math


class Event:
    """Something that happens at certain steps of a fit, as `run_in_chunks` takes it."""

    def steps_left(self, step):
        """How many steps may follow `step` before the next event."""
        raise NotImplementedError

    def update(self, state, variables):
        """Called after each call of the loop; acts if it is time.

        Args:
          state: `TrainingState`, brought up to date.
          variables: list of the `tf.Variable`s that are trained.
        """
        raise NotImplementedError

    def has_stopped(self, state):
        """Whether the fit is over; never, unless a subclass says so."""
        del state
        return False


def steps_until(steps, step):
    """How many steps are left from `step` to the next of `steps`; infinite after them."""
    return min((at - step for at in steps if at > step), default=math.inf)
