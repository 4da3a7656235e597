"""`tfp-flows bench` hands its arguments to the benchmark of a source checkout."""

import json
import pathlib

import pytest

from tfp_flows.cli import commands, main

ECHO = """
import json, pathlib, sys
pathlib.Path("seen.json").write_text(json.dumps(sys.argv[1:]))
sys.exit(3)
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """As if the package were installed, apart from any checkout; an empty folder."""
    package = tmp_path / "site-packages" / "tfp_flows" / "cli" / "commands.py"
    monkeypatch.setattr(commands, "__file__", str(package))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("place", [".", "site-packages"])
def test_arguments_and_status_pass_through(installed, place):
    folder = installed / place / "benchmarks"
    folder.mkdir(parents=True)
    (folder / "__main__.py").write_text(ECHO)
    call = ["--quick", "--only", "mcmc", "--out", "x y", "--help"]
    assert main(["bench", *call]) == 3
    assert json.loads((installed / "seen.json").read_text()) == call


def test_without_a_checkout(installed, capsys):
    assert main(["bench", "--quick"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "source checkout" in err


def test_finds_this_checkout():
    root = pathlib.Path(__file__).parents[2]
    if (root / "tfp_flows") == pathlib.Path(commands.__file__).parents[1]:
        assert commands._source_checkout() == root
