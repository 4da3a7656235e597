"""The main job from the shell, shortened."""

import dataclasses
import functools
import json

import pytest
from matplotlib.image import imread

from tfp_flows import plotting
from tfp_flows.cli import main
from tfp_flows.experiments.configs import ReproduceConfig


@pytest.mark.slow
def test_reproduce_quick(tmp_path, monkeypatch, capsys):
    # One example and two lengths of flows, each fitted as `--quick` does.
    quick = ReproduceConfig.quick(seed=0)
    assert (quick.examples, quick.num_layers) == (
        ("example1", "example2", "example3"),
        (2, 4, 8, 16),
    )
    fewer = dict(num_steps=200, num_chain_samples=20, num_burnin=200)
    short = dataclasses.replace(
        quick, examples=("example1",), num_layers=(2, 16), **fewer
    )
    monkeypatch.setattr(ReproduceConfig, "quick", lambda seed: {0: short}[seed])
    coarse = functools.partial(plotting.density_on_grid, resolution=80)
    monkeypatch.setattr(plotting, "density_on_grid", coarse)
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # in this process
    assert main(["reproduce", "--quick", "--out", str(tmp_path)]) == 0
    for panel in ("density", "samples", "k2", "k16"):
        path = tmp_path / "report" / "imgs" / f"example1-{panel}.png"
        assert imread(path).shape[:2] == (600, 600)
    assert imread(tmp_path / "report" / "imgs" / "example1-beside.png").size
    results = json.loads((tmp_path / "results.json").read_text())
    assert all(row["num_skipped_steps"] == 0 for row in results["fits"])
    # Fitted better by 16 layers than by 2, even after a short fit.
    kl = {row["num_layers"]: row["kl"] for row in results["fits"]}
    assert kl[16] < kl[2]
    assert (tmp_path / "results.md").read_text() in capsys.readouterr().out
