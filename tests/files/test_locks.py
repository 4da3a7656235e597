"""A path has one writer at a time, and none that has died."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from tfp_flows.files import locks

HOLD = """
import sys, time
from tfp_flows.files import locked

with locked(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_at_a_time_in_a_process_too(tmp_path):
    path = tmp_path / "fit.npz"
    with locks.locked(path):
        with (
            pytest.raises(BlockingIOError, match=rf"fit\.npz.*process {os.getpid()} on "),
            locks.locked(path),
        ):
            pass
        with locks.locked(tmp_path / "other.npz"):
            pass
    with locks.locked(path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_ends_with_a_killed_process(tmp_path):
    path = tmp_path / "fit.npz"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        with (
            pytest.raises(BlockingIOError, match=f"process {process.pid} on "),
            locks.locked(path),
        ):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (tmp_path / ".fit.npz.lock").exists()
    with locks.locked(path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_threads_never_hold_it_together(tmp_path):
    path, holders, most = tmp_path / "fit.npz", [], []

    def take_turns():
        for _ in range(50):
            try:
                with locks.locked(path):
                    holders.append(1)
                    most.append(len(holders))
                    holders.pop()
            except BlockingIOError:
                continue

    threads = [threading.Thread(target=take_turns) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "fcntl", None)
    with (
        pytest.warns(UserWarning, match=r"Cannot lock .*fit\.npz"),
        locks.locked(tmp_path / "fit.npz"),
    ):
        pass
