"""Fits of posteriors of data in a file."""

import json
import sys

import numpy as np
import pytest

from tfp_flows.cli import main
from tfp_flows.cli.load_data import read_data

MODULE = """
import tensorflow as tf
import tfp_flows as tff

def posterior(data):
    return tff.density.RowwisePosterior(
        lambda z: -0.5 * tf.reduce_sum(z**2, axis=-1),
        lambda z, rows: -0.5 * (z - rows["y"]) ** 2,
        data,
        event_size=1,
    )

def number(data):
    return 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "my_model.py").write_text(MODULE)
    np.savez(tmp_path / "rows.npz", y=np.linspace(0.0, 2.0, 101))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_model", raising=False)
    return tmp_path


def test_a_fit_by_batches_of_a_file(folder, capsys, eagerly):
    small = ["--num-layers", "1", "--num-steps", "2", "--sample-size", "16"]
    call = ["fit", "my_model:posterior", "--data", "rows.npz", "--batch-size", "10"]
    assert main([*call, *small, "--out", "out"]) == 0
    settings = json.loads((folder / "out" / "fit.json").read_text())["settings"]
    assert settings["batch_size"] == 10
    assert settings["start"] == "gaussian"

    for change, message in (
        (["fit", "my_model:number", "--data", "rows.npz"], "returns int"),
        (["fit", "my_model:posterior", "--data", "rows.txt"], ".npy, .npz or .csv"),
        ([*call[:-1], "102"], "only has 101 rows"),
        (["fit", "example1", "--batch-size", "10"], "RowwisePosterior"),
    ):
        assert main([*change, *small, "--out", "other"]) == 2
        assert message in capsys.readouterr().err


def test_files_of_data(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("x, y\n1,2\n3,4\n")
    found = read_data(path)
    np.testing.assert_array_equal(found["x"], [1.0, 3.0])
    np.testing.assert_array_equal(found["y"], [2.0, 4.0])
    for text, message in (("x\n1,2\n", "1 names"), ("x,y\n1,a\n", "as numbers")):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_data(path)
    np.save(tmp_path / "rows.npy", np.eye(2))
    np.testing.assert_array_equal(read_data(tmp_path / "rows.npy"), np.eye(2))
    bad = tmp_path / "bad.npz"
    bad.write_bytes(b"no zip")
    with pytest.raises(ValueError, match="as numbers"):
        read_data(bad)
