"""Signals end a fit between two calls of its loop, and handlers are put back."""

import signal
import threading

import pytest
from training_runs import run_at

from tfp_flows.training import Interrupt

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class OwnHandlerError(Exception):
    """Raised by a handler of the program's own."""


def own_handler(signum, frame):
    raise OwnHandlerError(signum)


@pytest.fixture(autouse=True)
def handlers():
    """The handlers before a test: those of SIGTERM and SIGINT of a program's own."""
    before = [signal.signal(signum, own_handler) for signum in SIGNALS]
    yield
    for signum, handler in zip(SIGNALS, before, strict=True):
        signal.signal(signum, handler)


def started(*, began=0.0):
    run = run_at(0, [[]] * 3)
    run.began = began
    interrupt = Interrupt()
    interrupt.start(run)
    return interrupt


@pytest.mark.parametrize("signum", SIGNALS, ids=str)
def test_the_first_signal_is_noted_and_passed_on_at_the_end(signum):
    interrupt = started()
    assert not interrupt.has_stopped()
    signal.raise_signal(signum)
    assert interrupt.has_stopped()
    interrupt.close()
    assert [signal.getsignal(s) for s in SIGNALS] == [own_handler] * 2
    with pytest.raises(OwnHandlerError, match=str(int(signum))):
        interrupt.pass_on()


def test_a_second_signal_acts_at_once():
    started()
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(OwnHandlerError):
        signal.raise_signal(signal.SIGTERM)
    assert [signal.getsignal(s) for s in SIGNALS] == [own_handler] * 2


def test_a_signal_before_the_first_step_acts_at_once():
    started(began=None)
    with pytest.raises(OwnHandlerError):
        signal.raise_signal(signal.SIGINT)


def test_pythons_own_handler_of_sigint_is_left_to_the_caller():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupt = started()
    signal.raise_signal(signal.SIGINT)
    interrupt.close()
    interrupt.pass_on()


def test_ignored_signals_and_other_threads_are_left_alone():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupt = started()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    interrupt.close()
    thread = threading.Thread(target=started)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is own_handler
