"""The density estimation on a small configuration: every file, and the errors."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.experiments import configs
from tfp_flows.experiments.density_estimation import estimate_densities
from tfp_flows.experiments.density_flows import FLOWS
from tfp_flows.experiments.real_nvp import real_nvp
from tfp_flows.experiments.tables import density_table
from tfp_flows.experiments.toy_points import TOY_POINTS


def test_writes_every_file(estimated):
    out, _, results = estimated
    assert {path.name for path in out.iterdir()} == {"density.json", "density.md", "imgs"}
    assert {path.name for path in (out / "imgs").iterdir()} == {
        "density-summary.png",
        "density-two_moons.png",
    }
    assert json.loads((out / "density.json").read_text()) == json.loads(
        json.dumps(results)
    )


def test_results_are_complete(estimated):
    out, _, results = estimated
    table = (out / "density.md").read_text()
    assert len(results["fits"]) == 2
    assert len(results["truths"]) == 1
    for row in results["fits"]:
        assert 0.5 < row["mass_on_grid"] < 1.05
        # 3 steps are few: further from the truth than its error.
        assert row["kl"] > 3 * row["kl_standard_error"] > 0.0
        truth = next(t for t in results["truths"] if t["points"] == row["points"])
        assert row["kl"] == pytest.approx(row["nll"] - truth["nll"], abs=1e-6)
        assert f"{row['nll']:.3f} ± {row['standard_error']:.3f}" in table
    parameters = {row["flow"]: row["num_parameters"] for row in results["fits"]}
    assert parameters == {"planar_inverted": 10, "radial_inverted": 8}


def test_the_truth_is_that_of_the_standardised_points(estimated, rng):
    _, _, results = estimated
    for row in results["truths"]:
        toy = TOY_POINTS[row["points"]]
        entropy = -np.mean(toy.log_density(toy.sample(1_000, rng)))
        expected = entropy - np.sum(np.log(row["standard_deviations"]))
        assert row["nll"] == pytest.approx(expected, abs=4 * row["standard_error"])


def test_the_reported_table_is_that_of_the_reported_results():
    report = pathlib.Path(__file__).parents[2] / "report"
    results = json.loads((report / "density.json").read_text("utf-8"))
    assert (report / "density.md").read_text("utf-8") == density_table(results)
    # What the package promises of two moons.
    for row in results["fits"]:
        if row["points"].startswith("two_moons") and "planar" in row["flow"]:
            assert row["nll"] < 2.0


def test_the_full_experiment_is_of_all_points_and_flows():
    assert tuple(TOY_POINTS) == configs.TOY_POINTS
    assert tuple(FLOWS) == configs.DENSITY_FLOWS


def test_unknown_names(tmp_path):
    for field in ("points", "flows"):
        config = configs.DensityConfig(**{field: ("nosuch",)})
        with pytest.raises(ValueError, match=f"Unknown {field} 'nosuch'; there are"):
            estimate_densities(tmp_path / "out", config)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", FLOWS)
def test_flows_start_near_the_base_and_know_their_variables(name):
    flow = FLOWS[name].build(4, 0)
    x = np.random.default_rng(0).standard_normal([200, 2]).astype(np.float32)
    nll = -np.mean(flow.log_prob(x))
    assert nll == pytest.approx(1.0 + np.log(2.0 * np.pi), abs=0.3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(flow.log_prob(x))
    assert None not in tape.gradient(loss, flow.trainable_variables)


def test_the_small_real_nvp_has_as_many_parameters_as_32_planar_layers():
    flow = FLOWS["real_nvp"].build(32, 0)
    sizes = [np.prod(variable.shape) for variable in flow.trainable_variables]
    assert sum(sizes) == 156  # of 160


def test_real_nvp_is_a_density():
    flow = real_nvp(2, 2, hidden=(4,), seed=(0, 1))
    axis = np.linspace(-7.0, 7.0, 71, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1)
    for variable in flow.trainable_variables:
        variable.assign_add(0.3 * tf.random.stateless_normal(variable.shape, (0, 2)))
    assert np.sum(np.exp(flow.log_prob(grid))) * 0.2**2 == pytest.approx(1.0, abs=1e-2)
