"""The command `posterior`."""

import json

import numpy as np
import pytest

from tfp_flows import files
from tfp_flows.cli import main

MODEL = """
import tensorflow_probability as tfp

tfd = tfp.distributions


@tfd.JointDistributionCoroutine
def model():
    mu = yield tfd.JointDistributionCoroutine.Root(tfd.Normal(0.0, 1.0, name="mu"))
    yield tfd.Normal(mu, 1.0, name="y")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with the module `conjugate` and its data."""
    (tmp_path / "conjugate.py").write_text(MODEL)
    (tmp_path / "data.json").write_text('{"y": 1.0}')
    (tmp_path / "empty.json").write_text("[1.0]")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*arguments):
    return main(["posterior", "conjugate:model", "--out", "out", *arguments])


def test_writes_draws_summary_and_verdict(folder, capsys):
    assert command("--data", "data.json") == 0
    assert "good" in capsys.readouterr().out
    written = {path.name for path in (folder / "out").iterdir()}
    names = "posterior.npz posterior.nc posterior.json posterior.png summary.csv"
    assert written >= set(names.split())
    values = np.genfromtxt(folder / "out" / "summary.csv", delimiter=",", names=True)
    assert float(values["mean"]) == pytest.approx(0.5, abs=0.05)
    assert float(values["sd"]) == pytest.approx(np.sqrt(0.5), rel=0.05)
    evaluation = json.loads((folder / "out" / "posterior.json").read_text())["evaluation"]
    assert evaluation["verdict"] == "good"
    arrays = files.read_arrays(folder / "out" / "posterior.npz")
    assert arrays["location"].shape == (1,)
    assert command("--data", "data.json") == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "message"),
    [("empty.json", "holds no arrays by name"), ("none.json", "none.json")],
)
def test_bad_data(folder, data, message, capsys):
    assert command("--data", data) == 2
    assert message in capsys.readouterr().err
