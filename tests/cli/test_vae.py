"""`tfp-flows vae`."""

import re

import numpy as np
import pytest

from tfp_flows.cli import main
from tfp_flows.experiments.configs import VAE_FLOWS
from tfp_flows.experiments.vae_flows import build_flow


def test_every_flow_that_the_command_offers_is_built():
    for name in VAE_FLOWS:
        assert (build_flow(name, 2, 2, seed=0) is None) == (name == "none")


def test_the_command_trains(tmp_path, monkeypatch, capsys, rng):
    monkeypatch.chdir(tmp_path)
    images = rng.integers(256, size=(30, 4, 4), dtype=np.uint8)
    np.savez("data.npz", x_train=images, x_test=images[:12])
    call = "vae --data data.npz --flow sylvester-orthogonal --num-layers 1 --epochs 1"
    call += " --num-importance-samples 3 --latent-size 3 --out o"
    assert main(call.split()) == 0
    assert "-ELBO" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "o").iterdir()} == {
        "model.keras",
        "history.csv",
        "vae.json",
        "samples.png",
        "reconstructions.png",
    }
    assert main(call.split()) == 2
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("vae --data none.npz --out o", r"none.npz.*--data"),
        ("vae --data x.npz --out o --epochs 0", r"num_epochs.*0"),
        ("vae --data x.npz --out x.npz/o", "Cannot write to the output folder"),
        ("vae --data x.npz --out o", "not an .npz file"),
    ],
)
def test_bad_input_is_one_line(tmp_path, monkeypatch, capsys, call, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.npz").write_text("no archive")
    assert main(call.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert re.search(message, captured.err), captured.err
