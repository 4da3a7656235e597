"""`bench`, `report` and `notebooks` are those of a source checkout."""

import json

import pytest

from tfp_flows.cli import checkout, main

MODULES = {"bench": "benchmarks", "report": "report", "notebooks": "notebooks"}
ECHO = """
import json, pathlib, sys
pathlib.Path("seen.json").write_text(json.dumps(sys.argv[1:]))
sys.exit(3)
"""
each_command = pytest.mark.parametrize(("command", "module"), MODULES.items())


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """As if the package were installed, apart from any checkout; an empty folder."""
    package = tmp_path / "site-packages" / "tfp_flows" / "cli" / "checkout.py"
    monkeypatch.setattr(checkout, "__file__", str(package))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@each_command
@pytest.mark.parametrize("place", [".", "site-packages"])
def test_arguments_and_status_pass_through(installed, place, command, module):
    folder = installed / place / module
    folder.mkdir(parents=True)
    (folder / "__main__.py").write_text(ECHO)
    call = ["--quick", "--only", "mcmc", "--out", "x y", "--help"]
    assert main([command, *call]) == 3
    assert json.loads((installed / "seen.json").read_text()) == call
    assert main(["--traceback", command]) == 3
    assert json.loads((installed / "seen.json").read_text()) == ["--traceback"]


@each_command
def test_without_a_checkout(installed, capsys, command, module):
    assert main([command, "--quick"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"no {module}/__main__.py; run tfp-flows {command} in" in err
    assert "source checkout" in err


@each_command
def test_finds_this_checkout(tmp_path, monkeypatch, capfd, command, module):
    monkeypatch.chdir(tmp_path)
    assert main([command, "--help"]) == 0
    assert "--traceback" in capfd.readouterr().out
