"""Signals that end a fit between two calls of its loop, where all is saved."""

import signal
import threading
import types
from typing import Any

from tfp_flows.training.event import Event
from tfp_flows.training.run import Run
from tfp_flows.training.workers import Workers


class Interrupt(Event):
    """Ends a fit at SIGINT (Ctrl-C, or "interrupt" of a notebook) or SIGTERM.

    In the middle of a call, variables and traces are of different steps; so a signal is
    noted, and the fit stops at the end of the call, as at a last step. A second signal,
    and one before the first step, acts at once. While the fit runs, and in the main
    thread only, which alone may, its handler takes the place of the one that is there;
    signals that are ignored stay so. A signal that one of several workers gets stops all.

    Attributes:
      signum: the signal that came, or `None`; SIGINT, if it came to another worker.
    """

    stop_reason = "interrupt"

    def __init__(self, workers: Workers | None = None) -> None:
        """Changes nothing yet; `None` is this process alone."""
        self._workers = workers or Workers()
        self.signum: int | None = None
        self._handlers: dict[int, Any] = {}

    def start(self, run: Run) -> None:
        """Takes the place of the handlers."""
        self._run, self.signum = run, None
        if threading.current_thread() is not threading.main_thread():
            return
        for signum in (signal.SIGINT, signal.SIGTERM):
            # `None` is a handler that is not Python's, and could not be put back.
            if signal.getsignal(signum) not in (None, signal.SIG_IGN):
                self._handlers[signum] = signal.signal(signum, self._note)

    def _note(self, signum: int, frame: types.FrameType | None) -> None:
        del frame
        if self.signum is not None or self._run.began is None:
            self.close()
            signal.raise_signal(signum)
        self.signum = signum

    def has_stopped(self) -> bool:
        """Whether a signal has come, to any worker."""
        if self._workers.any(self.signum is not None) and self.signum is None:
            self.signum = signal.SIGINT
        return self.signum is not None

    def close(self) -> None:
        """Puts the handlers back."""
        while self._handlers:
            signum, handler = self._handlers.popitem()
            signal.signal(signum, handler)

    def pass_on(self) -> None:
        """Gives the signal that came, if one did, to the handler that is there again.

        That of SIGTERM ends the process, unless the program has one of its own; Python's
        own of SIGINT would raise `KeyboardInterrupt`, and is left out: the caller does.
        """
        signum = self.signum
        if signum and signal.getsignal(signum) is not signal.default_int_handler:
            signal.raise_signal(signum)
