"""Many jobs in processes of their own, some of which die."""

import itertools
import os
import pathlib
import signal
import time

import joblib
import pytest

import tfp_flows as tff


def test_a_job_that_dies_is_done_again(tmp_path):
    def job(number, checkpoint_dir):
        folder = pathlib.Path(checkpoint_dir)
        folder.mkdir(exist_ok=True)
        mark = folder / "begun"
        if number == 1 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number, folder.name, os.getpid()

    arguments = [dict(number=number) for number in range(3)]
    found = tff.vi.fit_many(job, arguments, checkpoint_dir=tmp_path)
    assert [result[:2] for result in found] == [(0, "0"), (1, "1"), (2, "2")]
    assert os.getpid() not in [result[2] for result in found]

    def dies(number):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(RuntimeError, match="each of 2 attempts, with 0 of 3 jobs"):
        tff.vi.fit_many(dies, arguments, num_attempts=2)

    def fails(number):
        raise ValueError(f"number {number}")

    with pytest.raises(ValueError, match="number 0"):
        tff.vi.fit_many(fails, arguments)


def test_workers_that_die_before_all_jobs_are_sent(tmp_path, monkeypatch):
    """The death shows as the next job is sent, not in the result of a job."""
    mark = tmp_path / "mark"

    def dies(number):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)

    def delayed(fit_fn, delayed=joblib.delayed):
        if next(sent) % 3 == 2:
            deadline = time.monotonic() + 60.0
            while not mark.exists():
                assert time.monotonic() < deadline
                time.sleep(0.05)
            time.sleep(0.5)  # until the death is known
            mark.unlink()
        return delayed(fit_fn)

    sent = itertools.count()
    monkeypatch.setattr(joblib, "delayed", delayed)
    with pytest.raises(RuntimeError, match="each of 2 attempts, with 0 of 3 jobs"):
        tff.vi.fit_many(
            dies, [dict(number=number) for number in range(3)], num_attempts=2
        )
    assert next(sent) == 6


def test_what_is_no_sweep():
    with pytest.raises(TypeError, match="must be a list of dicts"):
        tff.vi.fit_many(print, [1, 2])
    with pytest.raises(TypeError, match="must be a function"):
        tff.vi.fit_many(None, [{}])
    with pytest.raises(ValueError, match="num_workers"):
        tff.vi.fit_many(print, [{}], num_workers=1)
