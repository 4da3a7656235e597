"""Experiments on small configurations: every file, and nothing before bad input."""

import json

import numpy as np
import pytest

import tfp_flows as tff
from tfp_flows.experiments.configs import FAMILIES, FitConfig, ReproduceConfig
from tfp_flows.experiments.fit import fit
from tfp_flows.experiments.reproduce import reproduce
from tfp_flows.experiments.sample import sample_writer


def test_reproduce_writes_every_file(reproduced):
    out, _, results = reproduced
    images = {path.name for path in (out / "report" / "imgs").iterdir()}
    expected = {"summary-planar.png", "summary-radial.png"}
    panels = ("density", "samples", "k2", "radial-k2")
    expected |= {f"example1-{panel}.png" for panel in panels}
    assert images == expected
    assert {path.name for path in out.iterdir()} == {
        "report",
        "results.json",
        "results.md",
    }
    assert json.loads((out / "results.json").read_text()) == json.loads(
        json.dumps(results)
    )


def test_reproduce_results_are_complete(reproduced):
    _, _, results = reproduced
    assert len(results["fits"]) == 2
    for row in results["fits"]:
        assert row["num_steps"] == 40
        assert row["seconds"] > 0
        assert 0.2 < row["mass_on_grid"] < 1.01
        for key in ("kl", "elbo_standard_error", "loss", "ess", "khat", "flow_seed"):
            assert np.isfinite(row[key])
    assert len(results["chains"]) == 1
    for row in results["chains"]:
        assert 0 < row["acceptance_rate"] < 1
        assert len(row["rhat"]) == len(row["ess"]) == 2
    assert results["environment"]["tensorflow"]


def test_reproduce_table_shows_the_results(reproduced):
    out, _, results = reproduced
    table = (out / "results.md").read_text()
    for row in results["fits"]:
        assert f"{row['kl']:.3f} ± {row['elbo_standard_error']:.3f}" in table
    for row in results["chains"]:
        assert f"{row['acceptance_rate']:.2f} | {max(row['rhat']):.3f}" in table


def test_reproduce_checks_the_folder_first(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="Cannot write"):
        reproduce(tmp_path / "file" / "out")


def test_quick_is_short():
    quick, full = ReproduceConfig.quick(), ReproduceConfig()
    assert quick.num_steps < 1_000
    assert full.num_steps is None  # the default of fits
    assert set(quick.num_layers) == {2, 4, 8, 16}
    assert quick.examples == full.examples


def test_the_command_offers_every_family():
    assert tuple(tff.bijectors.FAMILIES) == FAMILIES


def small_fit(**changes):
    defaults = dict(num_layers=2, num_steps=3, sample_size=16, jit_compile=False)
    return FitConfig(**(defaults | changes))


def test_fit_writes_flow_traces_and_settings(tmp_path, eagerly):
    result = fit(tmp_path, tff.targets.get("u1"), small_fit(), progress_bar=False)
    assert {p.name for p in tmp_path.iterdir()} == {"flow.npz", "loss.csv", "fit.json"}
    loaded = tff.distributions.load(tmp_path / "flow.npz")
    z = loaded.distribution.sample(5, seed=(0, 1))
    np.testing.assert_array_equal(
        loaded.bijector.forward(z), result.flow.bijector.forward(z)
    )
    table = np.genfromtxt(tmp_path / "loss.csv", delimiter=",", names=True)
    np.testing.assert_allclose(table["loss"], result.loss, rtol=1e-6)
    saved = json.loads((tmp_path / "fit.json").read_text())
    assert saved["final_loss"] == pytest.approx(float(result.final_loss))
    assert saved["config"]["num_layers"] == 2
    assert saved["config"]["event_size"] == 2


def test_fit_keeps_an_earlier_flow(tmp_path, eagerly):
    (tmp_path / "flow.npz").write_text("precious")
    target = tff.targets.get("u1").unnormalized_log_prob
    with pytest.raises(FileExistsError, match="--overwrite"):
        fit(tmp_path, target, small_fit(event_size=2), progress_bar=False)
    assert (tmp_path / "flow.npz").read_text() == "precious"
    config = small_fit(event_size=2)
    fit(tmp_path, target, config, overwrite=True, progress_bar=False)
    assert tff.distributions.load(tmp_path / "flow.npz").event_shape == [2]


@pytest.mark.parametrize("ending", [".csv", ".npz"])
def test_sample_writer(tmp_path, ending):
    flow = tff.planar_flow(3, 2, seed=0)
    path = tmp_path / f"samples{ending}"
    sample_writer(path)(flow, num_samples=7, seed=5)
    if ending == ".csv":
        table = np.genfromtxt(path, delimiter=",", names=True)
        assert table.dtype.names == ("x1", "x2", "x3", "log_prob")
        x = np.stack([table[f"x{d}"] for d in (1, 2, 3)], axis=-1)
        log_prob = table["log_prob"]
    else:
        with np.load(path) as archive:
            x, log_prob = archive["x"], archive["log_prob"]
    expected = flow.experimental_sample_and_log_prob(7, seed=(0, 5))
    np.testing.assert_allclose(x, expected[0], rtol=1e-6)
    np.testing.assert_allclose(log_prob, expected[1], rtol=1e-6)


def test_samples_of_a_batch_are_arrays_alone(tmp_path):
    flow = tff.planar_flow(3, 2, batch_shape=[4], seed=0)
    with pytest.raises(ValueError, match=r"batch of shape \(4,\).*\.npz"):
        sample_writer(tmp_path / "x.csv")(flow, num_samples=7, seed=5)
    sample_writer(tmp_path / "x.npz")(flow, num_samples=7, seed=5)
    with np.load(tmp_path / "x.npz") as archive:
        assert archive["x"].shape == (7, 4, 3)
        assert archive["log_prob"].shape == (7, 4)


def test_sample_writer_checks_first(tmp_path):
    with pytest.raises(ValueError, match=r"\.csv or \.npz.*a\.txt"):
        sample_writer(tmp_path / "a.txt")
