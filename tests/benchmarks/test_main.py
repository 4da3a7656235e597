"""The command, with workers and environments replaced by stand-ins."""

import json

import pytest

from benchmarks import __main__ as command
from benchmarks import environments, jobs


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder in the place of the repository, and workers that answer at once."""
    (tmp_path / "README.md").write_text("<!-- benchmark -->\n<!-- end of benchmark -->\n")
    monkeypatch.setattr(command, "ROOT", tmp_path)

    def interpreters(names, folder):
        return dict.fromkeys(names, ("python", None))

    monkeypatch.setattr(environments, "interpreters", interpreters)

    def run(job, python):
        if job.peer == "pyro":
            return dict(error="broken")
        return dict(microseconds_per_step=10.0, compile_seconds=1.0, process_seconds=2.0)

    monkeypatch.setattr(jobs, "run", run)
    return tmp_path


def call(checkout, *arguments):
    folder = str(checkout / "environments")
    return command.main([*arguments, "--environments", folder])


def test_writes_results_table_figure_and_readme(checkout, capsys):
    peers = ["--peers", "ours", "flowjax_scan"]
    assert call(checkout, "--only", "step-time", "--repeats", "2", *peers) == 0
    out = checkout / "benchmarks" / "results"
    found = json.loads((out / "results.json").read_text())
    assert len(found["step-time"]["cases"]["K = 16"]["ours"]["repeats"]) == 2
    assert (out / "results.md").read_text() in capsys.readouterr().out
    assert (out / "speed.png").read_bytes().startswith(b"\x89PNG")
    assert "| **tfp_flows** | 10.0 |" in (checkout / "README.md").read_text()
    # Another part is added; the first one stays.
    assert call(checkout, "--only", "restarts", "--peers", "ours") == 0
    merged = json.loads((out / "results.json").read_text())
    assert merged["step-time"] == found["step-time"]
    assert set(merged) == {"step-time", "restarts"}
    # All is of the repository: no path and no user in the files.
    assert str(checkout) not in (out / "results.json").read_text()


def test_a_failure_is_in_the_table_and_in_the_status(checkout):
    assert call(checkout, "--only", "step-time", "--no-readme") == 1
    text = (checkout / "benchmarks" / "results" / "results.md").read_text()
    assert "| Pyro | failed |" in text
    assert "failed: broken" in text


def test_quick_stays_out_of_the_repository(checkout):
    before = (checkout / "README.md").read_text()
    assert call(checkout, "--quick", "--only", "restarts") == 0
    assert (checkout / "README.md").read_text() == before
    assert not (checkout / "benchmarks").exists()
    assert (checkout / "environments" / "quick" / "results.md").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--repeats", "0"], "--repeats"),
        (["--only", "restarts", "--peers", "pyro"], "takes part"),
    ],
)
def test_bad_input_is_one_line(checkout, capsys, arguments, message):
    assert call(checkout, *arguments) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert message in err


def test_missing_markers_fail_before_the_work(checkout, capsys):
    (checkout / "README.md").write_text("nothing")
    assert call(checkout, "--only", "restarts") == 2
    assert "<!-- benchmark -->" in capsys.readouterr().err
    assert not (checkout / "benchmarks" / "results" / "results.json").exists()
