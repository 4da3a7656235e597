"""The console script: results, and one line for every bad call."""

import json
import pathlib
import re
import subprocess
import sys

import matplotlib.image
import numpy as np
import pytest

import tfp_flows as tff
from tfp_flows.cli import main

DENSITIES = """
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions
scalar = tfd.Normal(0.0, 1.0)
table = tfd.Sample(scalar, [2, 3])
named = tfd.JointDistributionNamed(dict(a=scalar, b=lambda a: tfd.Normal(a, 1.0)))
pair = tfd.JointDistributionSequential(
    [tfd.Sample(scalar, 2), lambda t: tfd.Sample(tfd.Normal(t[..., 0], 1.0), 3)]
)
pinned = pair.experimental_pin(None, tf.zeros(3))

def normal(x):
    return -0.5 * tf.reduce_sum(x**2, axis=-1)

def matrix(x):
    return x

def double(x):
    return tf.cast(x[:, 0], tf.float64)

def nan(x):
    return x[:, 0] * float("nan")

number = 3.0
"""
SMALL = [
    "--num-layers",
    "2",
    "--num-steps",
    "3",
    "--sample-size",
    "16",
    "--no-jit-compile",
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder with a module of densities, one per test."""
    (tmp_path / "densities.py").write_text(DENSITIES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "densities", raising=False)
    return tmp_path


def test_fit_evaluate_sample_with_a_users_density(folder, capsys, eagerly):
    call = ["fit", "densities:normal", "--event-size", "3", "--flow", "sylvester"]
    assert main([*call, "--out", "o", *SMALL]) == 0
    assert "3 steps" in capsys.readouterr().out
    assert (
        main(["evaluate", "o/flow.npz", "densities:normal", "--out", "o/report.json"])
        == 0
    )
    assert "ELBO" in capsys.readouterr().out
    report = json.loads((folder / "o" / "report.json").read_text())
    assert report["elbo"] < 1.5 * np.log(2 * np.pi) + 4 * report["elbo_standard_error"]
    assert main(["sample", "o/flow.npz", "--num-samples", "9", "--out", "o/x.npz"]) == 0
    assert np.load(folder / "o" / "x.npz")["x"].shape == (9, 3)


def test_fit_and_evaluate_a_posterior_of_one_vector(folder, capsys, eagerly):
    assert main(["fit", "densities:pinned", "--out", "o", *SMALL]) == 0
    assert main(["evaluate", "o/flow.npz", "densities:pinned"]) == 0
    assert "ELBO" in capsys.readouterr().out


def test_fit_and_evaluate_a_built_in(folder, capsys):
    assert main(["fit", "u1", "--flow", "radial", "--out", "o", *SMALL]) == 0
    assert main(["evaluate", "o/flow.npz", "u1", "--num-samples", "1000"]) == 0
    out = capsys.readouterr().out
    assert "KL" in out
    assert "mass per mode" in out


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("fit nosuch --out o", "Unknown target 'nosuch'.*example1.*u4"),
        ("fit u1 --event-size 3 --out o", "size 2; use.*--event-size 2"),
        ("fit u1 --num-layers 0 --out o", "num_layers.*0"),
        ("fit u1 --num-steps -1 --out o", "num_steps.*-1"),
        ("fit u1 --out densities.py/o", "Cannot write to the output folder"),
        ("fit densities:normal --out o", "--event-size"),
        ("fit densities:matrix --event-size 2 --out o", "one number per point"),
        ("fit densities:double --event-size 2 --out o", "float64"),
        ("fit densities:nan --event-size 2 --out o", "NaN"),
        ("fit densities:number --event-size 2 --out o", "float"),
        ("fit densities:scalar --out o", r"event shape is \(\).*tfd.Sample"),
        ("fit densities:table --out o", r"event shape is \(2, 3\).*tfb.Reshape"),
        ("fit densities:named --event-size 2 --out o", "structure.*tfb.Split"),
        ("fit densities:pair --out o", "structure.*tfb.Split"),
        ("fit densities:pinned --event-size 3 --out o", "size 2; use.*--event-size 2"),
        ("evaluate flow.npz densities:scalar", r"event shape is \(\).*tfd.Sample"),
        ("evaluate flow.npz densities:pair", "structure.*tfb.Split"),
        ("fit densities:missing --event-size 2 --out o", "no 'missing'"),
        ("fit nomodule:f --event-size 2 --out o", "nomodule"),
        ("fit :f --event-size 2 --out o", "module:function"),
        ("reproduce --out densities.py/o", "Cannot write to the output folder"),
        ("density --out densities.py/o", "Cannot write to the output folder"),
        ("evaluate none.npz u1", "none.npz"),
        ("evaluate densities.py u1", "not a saved flow"),
        ("sample none.npz --out x.csv", "none.npz"),
        ("sample none.npz --out x.txt", ".csv or .npz"),
    ],
)
def test_bad_input_is_one_line(folder, capsys, call, message):
    tff.distributions.save(tff.planar_flow(2, 2, seed=0), folder / "flow.npz")
    assert main(call.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("tfp-flows: error: ")
    assert re.search(message, captured.err), captured.err


def test_a_failed_fit_is_saved_and_says_so(folder, capsys, monkeypatch, eagerly):
    fit_reverse_kl = tff.vi.fit_reverse_kl

    def fail(*args, **kwargs):
        raise tff.vi.FitError("Not finite.", fit_reverse_kl(*args, **kwargs))

    monkeypatch.setattr(tff.vi, "fit_reverse_kl", fail)
    assert main(["fit", "u1", "--out", "o", *SMALL]) == 1
    assert "error: Not finite. Saved to o" in capsys.readouterr().err
    assert {path.name for path in (folder / "o").iterdir()} >= {"flow.npz", "fit.json"}


@pytest.mark.slow
def test_report_card(folder, capsys):
    fit = ["fit", "u1", "--num-steps", "60", "--sample-size", "64", "--out", "o"]
    assert main([*fit, "--tensorboard", "events"]) == 0
    assert "KL" in capsys.readouterr().out
    assert any((folder / "events").iterdir())
    evaluate = ["evaluate", "o/flow.npz", "u1", "--num-samples", "1000"]
    assert main([*evaluate, "--figure", "cards/card.png"]) == 0
    assert "60 steps" in capsys.readouterr().out
    image = matplotlib.image.imread(folder / "cards" / "card.png")
    assert image.shape[1] > 2.5 * image.shape[0]
    # Four panels, none of them empty.
    assert all(np.std(part[..., :3]) > 0.05 for part in np.array_split(image, 4, axis=1))


def test_no_report_card_of_a_flow_in_space(folder, capsys):
    tff.distributions.save(tff.planar_flow(3, 2, seed=0), folder / "space.npz")
    command = ["evaluate", "space.npz", "densities:normal", "--figure", "card.png"]
    assert main(command) == 2
    assert "size 3; leave out --figure" in capsys.readouterr().err


def test_wrong_flow_size_in_evaluate(folder, capsys):
    tff.distributions.save(tff.planar_flow(3, 2, seed=0), "flow.npz")
    assert main(["evaluate", "flow.npz", "u1"]) == 2
    assert "event size" in capsys.readouterr().err


def test_existing_flow_is_kept(folder, capsys):
    pathlib.Path("o").mkdir()
    pathlib.Path("o/flow.npz").write_text("precious")
    assert main(["fit", "u1", "--out", "o", *SMALL]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert pathlib.Path("o/flow.npz").read_text() == "precious"


def test_a_checkpoint_of_another_target_is_refused(folder, capsys, eagerly):
    fit = ["fit", *SMALL, "--checkpoint", "checkpoint"]
    assert main([*fit, "u1", "--out", "first"]) == 0
    assert main([*fit, "u2", "--out", "second"]) == 2
    assert "another target" in capsys.readouterr().err
    assert not (folder / "second" / "flow.npz").exists()


def test_traceback_on_request(folder):
    with pytest.raises(ValueError, match="nosuch"):
        main(["--traceback", "fit", "nosuch", "--out", "o"])


def test_help_needs_no_tensorflow():
    code = """
import sys
import tfp_flows
from tfp_flows.cli import main

for call in (["--help"], ["fit", "--help"], ["--version"]):
    print(call)
    try:
        main(call)
    except SystemExit as exit:
        assert exit.code == 0
assert "tensorflow" not in sys.modules
"""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.count("usage: tfp-flows") == 2
    assert tff.__version__ in run.stdout


def test_as_a_process_stderr_is_one_line(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "tfp_flows", "fit", "nosuch", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1, run.stderr
