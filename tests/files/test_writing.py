"""Files are written whole or not at all."""

import errno
import json
import os
import resource
import signal
import threading

import numpy as np
import pytest

from tfp_flows.files import (
    prepare_file,
    prepare_folder,
    remove_parts,
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


def test_threads_and_processes_of_one_number_write_one_path(tmp_path):
    path, contents, errors = tmp_path / "a.txt", [c * 50_000 for c in "abcd"], []
    other = tmp_path / f".a.txt.{os.getpid()}.part"
    other.write_text("of a container that was killed, in which this was the number")

    def write(content):
        try:
            for _ in range(10):
                write_text(path, content)
                assert path.read_text() in contents
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert set(tmp_path.iterdir()) == {path, other}


def test_old_parts_are_removed(tmp_path):
    path = tmp_path / "a[1].txt"
    parts = [tmp_path / f".{path.name}.{number}.part" for number in (1, 2)]
    for part in [*parts, tmp_path / ".b.txt.3.part"]:
        part.write_text("half")
    os.utime(parts[0], (0, 0))
    write_text(path, "new")
    assert not parts[0].exists()
    assert parts[1].exists()
    remove_parts(path)
    assert {p.name for p in tmp_path.iterdir()} == {path.name, ".b.txt.3.part"}


def test_no_room_names_the_file(tmp_path):
    path = tmp_path / "a.npz"
    write_text(path, "old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
        with (
            pytest.raises(OSError, match=rf"Cannot write {path} \(File too") as caught,
            replacing(path) as file,
        ):
            np.savez(file, a=np.ones(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.errno == errno.EFBIG
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_errors_of_other_files_stay(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match=r"\[Errno 2\].*none\.txt'$"),
        replacing(tmp_path / "a.txt"),
    ):
        (tmp_path / "none.txt").read_text()
    with pytest.raises(FileNotFoundError, match=r"Cannot write .*none/a\.txt"):
        write_text(tmp_path / "none" / "a.txt", "")
    with pytest.raises(TypeError, match="`path` must be a str"):
        write_text(b"a.txt", "")


def test_prepare_file(tmp_path):
    path = prepare_file(tmp_path / "a" / "b.txt")
    assert path.parent.is_dir()
    assert not path.exists()
    with pytest.raises(IsADirectoryError, match="is a folder; give the name of the file"):
        prepare_file(tmp_path)
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="is read, and would be replaced"):
        prepare_file(tmp_path / "a" / ".." / "a" / "b.txt", inputs=[path])
