"""The fuzz, small: arguments and files of every kind, and what judges them."""

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import damaged_files
from benchmarks.fuzz.__main__ import count, markdown
from benchmarks.fuzz.call import Call
from benchmarks.fuzz.calls import CALLS
from benchmarks.fuzz.judge import judge

QUICK = [call for call in CALLS if not call.is_slow]


@pytest.mark.parametrize(
    ("calls", "num_inputs"),
    [(QUICK, 150), pytest.param(CALLS, 10_000, marks=pytest.mark.evidence)],
    ids=["quick", "all"],
)
def test_inputs_are_refused_by_name_or_give_good_results(
    calls, num_inputs, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)  # for values that are taken for paths
    counts, examples = count(calls, num_inputs, seed=0)
    assert examples == []
    assert sum(sum(found.values()) for found in counts.values()) == num_inputs


@pytest.mark.parametrize("name", ["saved flow", "images"])
@pytest.mark.parametrize(
    "num_files", [25, pytest.param(2_000, marks=pytest.mark.evidence)]
)
def test_damaged_files_are_refused(name, num_files, tmp_path):
    row = damaged_files.study(
        tmp_path / "a.npz", *damaged_files.READERS[name], num_files, seed=0
    )
    assert row["examples"] == []
    assert row["counts"]["refused"] > num_files // 2


def add(first, second=1.0):
    """A function with every fault."""
    if first is None:
        raise ValueError("`first` must be a number.")
    if first == 1:
        raise ValueError("bad input")
    if first == 2:
        raise KeyError("first")
    return tf.constant(first * second)


def problem(result, arguments):
    del arguments
    return None if np.isfinite(result) else "not finite"


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (0.0, "good"),
        (None, "refused"),
        (1, "unclear"),
        (2, "unclear"),
        (np.inf, "silent"),
    ],
)
def test_judgements(first, kind):
    call = Call("add", add, lambda: dict(first=0.0), problem)
    assert call.parameters() == ["first", "second"]
    assert judge(call, dict(first=first)).kind == kind


@pytest.mark.slow
@pytest.mark.parametrize(
    "calls",
    [QUICK, pytest.param(CALLS, marks=pytest.mark.evidence)],
    ids=["quick", "all"],
)
def test_good_arguments_are_good(calls):
    for call in calls:
        assert judge(call, {}).kind == "good", call.name


def test_table():
    text = "\n".join(markdown({"f": dict(good=1, refused=2, unclear=0, silent=3)}, ["x"]))
    assert "| all | 6 | 1 | 2 | 0 | 3 |" in text
    assert text.endswith("- x")
