"""Files are written whole or not at all."""

import json

import pytest

from tfp_flows.files import (
    prepare_folder,
    replacing,
    write_csv,
    write_json,
    write_text,
)


def test_replaces_only_when_complete(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail_half_way():
        with replacing(path) as file:
            file.write(b"half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    write_text(path, "new")
    assert path.read_text() == "new"


def test_json_refuses_nan(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []
    write_json(tmp_path / "a.json", {"a": 1.5})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1.5}


def test_csv_keeps_integers_whole(tmp_path):
    columns = dict(step=[0, 123_456_789], loss=[1 / 3, float("nan")])
    write_csv(tmp_path / "a.csv", columns, digits=3)
    assert (tmp_path / "a.csv").read_text() == "step,loss\n0,0.333\n123456789,nan\n"
    with pytest.raises(ValueError, match="shorter"):
        write_csv(tmp_path / "b.csv", dict(columns, loss=[1.0]))
    assert not (tmp_path / "b.csv").exists()


def test_prepare_folder(tmp_path):
    folder = prepare_folder(tmp_path / "a" / "b")
    assert folder.is_dir()
    assert list(folder.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"Cannot write to the output folder .*file"):
        prepare_folder(tmp_path / "file" / "c")
