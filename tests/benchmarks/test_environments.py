"""Environments: made once, made anew when their requirements change."""

import pytest

from benchmarks import environments
from benchmarks.registry import PEERS, REQUIREMENTS


@pytest.fixture
def requirements(tmp_path, monkeypatch):
    """A folder of requirements, and commands that are noted instead of run."""
    folder = tmp_path / "requirements"
    folder.mkdir()
    (folder / "lib.txt").write_text("lib==1\n")
    calls = []

    def run(command, name):
        calls.append(command)
        if "venv" in command:
            python = tmp_path / "kept" / name / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.touch()

    monkeypatch.setattr(environments, "_run", run)
    return folder, calls


def prepare(requirements):
    folder, _ = requirements
    return environments.prepare("lib", folder.parent / "kept", folder)


def test_is_kept_until_the_requirements_change(requirements):
    python = prepare(requirements)
    assert python.endswith("lib/bin/python")
    assert len(requirements[1]) == 2
    assert prepare(requirements) == python
    assert len(requirements[1]) == 2
    (requirements[0] / "lib.txt").write_text("lib==2\n")
    prepare(requirements)
    assert len(requirements[1]) == 4


def test_an_interrupted_installation_is_made_anew(requirements, monkeypatch):
    run = environments._run

    def fail(command, name):
        if "pip" in command:
            raise RuntimeError("interrupted")
        run(command, name)

    with monkeypatch.context() as context:
        context.setattr(environments, "_run", fail)
        with pytest.raises(RuntimeError, match="interrupted"):
            prepare(requirements)
    prepare(requirements)
    assert len(requirements[1]) == 3


def test_a_failed_environment_is_an_error_of_its_peers(monkeypatch):
    def fail(name, folder):
        raise RuntimeError("could not be installed")

    monkeypatch.setattr(environments, "prepare", fail)
    found = environments.interpreters({"lib"}, "x")
    assert found == {"lib": (None, "could not be installed")}


def test_all_versions_are_pinned():
    names = {peer.environment for peer in PEERS.values()}
    for name in names:
        lines = (REQUIREMENTS / f"{name}.txt").read_text("utf-8").splitlines()
        assert lines
        assert all("==" in line and "/" not in line for line in lines)
