"""Tasks in processes of their own."""

import os
import pathlib
import time

import pytest

from tfp_flows.experiments import side_by_side
from tfp_flows.experiments.side_by_side import run_side_by_side


def process(seconds=0.0):
    time.sleep(seconds)
    return os.getpid()


def write(path):
    path.write_text("begun")
    time.sleep(0.3)


def fail(text):
    raise OSError(text)


@pytest.mark.slow
def test_each_runs_in_another_process_and_results_keep_their_order(capsys):
    tasks = {"slow": (process, 0.2), "a": (process,), "b": (process,)}
    results = run_side_by_side(tasks, num_workers=2)
    assert list(results) == ["slow", "a", "b"]
    assert os.getpid() not in results.values()
    assert "3/3" in capsys.readouterr().err


def test_one_worker_is_this_process(capsys):
    tasks = {"a": (process,), "b": (process,)}
    results = run_side_by_side(tasks, num_workers=1, progress_bar=False)
    assert results == {"a": os.getpid(), "b": os.getpid()}
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("num_workers", [1, 2])
def test_an_error_is_that_of_the_task_and_the_rest_is_dropped(
    tmp_path, num_workers, monkeypatch
):
    # Workers need no TensorFlow, which takes them seconds.
    monkeypatch.setattr(side_by_side, "load_tensorflow", os.getpid)
    late = [tmp_path / f"{i}.txt" for i in range(20)]
    tasks = {"bad": (fail, "disk full")}
    tasks |= {str(i): (write, path) for i, path in enumerate(late)}
    with pytest.raises(OSError, match="disk full"):
        run_side_by_side(tasks, num_workers=num_workers, progress_bar=False)
    assert not all(map(pathlib.Path.exists, late))
