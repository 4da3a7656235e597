"""The main job from the shell, shortened."""

import json
import subprocess
import sys

import pytest
from matplotlib.image import imread


@pytest.mark.slow
def test_reproduce_quick(tmp_path):
    command = [sys.executable, "-m", "tfp_flows", "reproduce", "--quick"]
    run = subprocess.run(
        [*command, "--out", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    for example in (1, 2, 3):
        for panel in ("density", "samples", "k2", "k4", "k8", "k16"):
            path = tmp_path / "report" / "imgs" / f"example{example}-{panel}.png"
            assert imread(path).shape[:2] == (600, 600)
    results = json.loads((tmp_path / "results.json").read_text())
    assert len(results["fits"]) == 12
    assert all(row["num_skipped_steps"] == 0 for row in results["fits"])
    # Every example is fitted better by 16 layers than by 2, even after a short fit.
    for name in ("example1", "example2", "example3"):
        kl = {r["num_layers"]: r["kl"] for r in results["fits"] if r["target"] == name}
        assert kl[16] < kl[2]
    assert (tmp_path / "results.md").read_text() in run.stdout
