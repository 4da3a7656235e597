"""Exit statuses: signals, faults of the program, and folders that are taken."""

import argparse
import signal

import pytest

import tfp_flows as tff
from tfp_flows.cli import main
from tfp_flows.cli.main import run_command
from tfp_flows.files import locked


def run(function):
    """The status of a command that calls `function`."""
    return run_command(
        argparse.Namespace(
            run=lambda args: function(), needs_tensorflow=False, traceback=False
        )
    )


@pytest.mark.usefixtures("interruptible")
def test_signals(capsys):
    before = signal.getsignal(signal.SIGTERM)
    assert run(lambda: signal.raise_signal(signal.SIGTERM)) == 143
    assert run(lambda: signal.raise_signal(signal.SIGINT)) == 130
    assert capsys.readouterr().err == "tfp-flows: terminated\ntfp-flows: interrupted\n"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_fault_of_the_program_is_not_bad_input():
    with pytest.raises(KeyError):
        run(lambda: {}["fault"])


def test_help_lists_them(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    for part in ("0, done", "1, a fit that stopped early", "2, what", "130", "143"):
        assert part in text


def test_a_folder_has_one_writer(tmp_path, capsys):
    with locked(tmp_path / "flow.npz"):
        assert main(["fit", "u1", "--out", str(tmp_path), "--num-steps", "10"]) == 2
    assert "flow.npz is being written already (process " in capsys.readouterr().err
    with locked(tmp_path / "results.json"):
        assert main(["reproduce", "--quick", "--out", str(tmp_path)]) == 2
    assert "results.json is being written already" in capsys.readouterr().err


def test_files_to_write_are_checked_first(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tff.distributions.save(tff.planar_flow(2, 2, seed=0), "flow.npz")
    before = (tmp_path / "flow.npz").read_bytes()
    for call, message in (
        ("evaluate flow.npz nosuch --out .", ". is a folder"),
        ("evaluate flow.npz nosuch --figure .", ". is a folder"),
        ("evaluate flow.npz nosuch --out flow.npz", "would be replaced"),
        ("evaluate flow.npz u1 --figure card.xyz", "Figures are written as"),
        ("sample flow.npz --out flow.npz", "would be replaced"),
        ("fit nosuch --out flow.npz", "Cannot write to the output folder"),
    ):
        assert main(call.split()) == 2
        assert message in capsys.readouterr().err
    assert (tmp_path / "flow.npz").read_bytes() == before


@pytest.mark.parametrize("content", ["{}", "[", '{"num_steps_done": []}', "null"])
def test_damaged_files_of_a_fit(tmp_path, capsys, content):
    tff.distributions.save(tff.planar_flow(2, 2, seed=0), tmp_path / "flow.npz")
    (tmp_path / "loss.csv").write_text("step,loss\n0,1.0\n")
    (tmp_path / "fit.json").write_text(content)
    assert main(["evaluate", str(tmp_path / "flow.npz"), "u1"]) == 2
    assert "fit.json and " in (err := capsys.readouterr().err)
    assert "move them away" in err
