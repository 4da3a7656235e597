"""Tasks in processes of their own."""

import os
import pathlib

import pytest

from tfp_flows.experiments.side_by_side import run_side_by_side


def write_process(path):
    path.write_text(str(os.getpid()))


def fail(text):
    raise OSError(text)


def test_each_runs_once_and_not_here(tmp_path, capsys):
    tasks = {f"task {i}": (write_process, tmp_path / f"{i}.txt") for i in range(3)}
    run_side_by_side(tasks, num_workers=1, progress_bar=True)
    processes = {path.read_text() for path in tmp_path.glob("*.txt")}
    assert len(list(tmp_path.iterdir())) == 3
    assert len(processes) == 1
    assert str(os.getpid()) not in processes
    assert capsys.readouterr().err.count("done after") == 3


def test_an_error_is_that_of_the_task_and_nothing_begins_after_it(tmp_path, capsys):
    late = [tmp_path / f"{i}.txt" for i in range(20)]
    tasks = {"bad": (fail, "disk full")}
    tasks |= {str(i): (write_process, path) for i, path in enumerate(late)}
    with pytest.raises(OSError, match="disk full"):
        run_side_by_side(tasks, num_workers=1, progress_bar=False)
    assert not all(map(pathlib.Path.exists, late))
    assert capsys.readouterr().err == ""
