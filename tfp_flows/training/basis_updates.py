"""New bases for `EigenbasisAdam`, outside the compiled loop."""

from tfp_flows.training.eigenbasis import EigenbasisAdam
from tfp_flows.training.event import Event
from tfp_flows.training.run import Run


class BasisUpdates(Event):
    """Has the optimizer take its new bases: XLA's decomposition is slow."""

    def __init__(self, optimizer: EigenbasisAdam) -> None:
        """Takes the optimizer, of `updates_basis=False`."""
        self._optimizer = optimizer

    def steps_left(self, step: int) -> int:
        """How many steps may follow `step` before the next basis."""
        return self._optimizer.period - step % self._optimizer.period

    def update(self, run: Run) -> None:
        """Takes the basis, if it is time."""
        if run.step % self._optimizer.period == 0:
            self._optimizer.update_basis()
