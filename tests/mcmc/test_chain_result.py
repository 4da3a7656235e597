import dataclasses

import arviz
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.files import InvalidFileError
from tfp_flows.mcmc import ChainResult, load, save

NUM_SAMPLES, NUM_CHAINS, EVENT_SIZE = 200, 4, 3


def result(samples, acceptance=None):
    if acceptance is None:
        acceptance = np.linspace(0.2, 0.5, samples.shape[1])
    return ChainResult(
        samples=samples,
        acceptance_rate_per_chain=acceptance,
        proposal_scale=1.25,
        num_burnin=50,
        seconds=0.5,
        settings={},
    )


def autoregressive(num_chains=NUM_CHAINS, num_samples=NUM_SAMPLES, coefficient=0.7):
    """Stationary AR(1) chains, `[num_samples, num_chains, D]`, with known ESS."""
    noise = np.random.default_rng(0).normal(size=(num_samples, num_chains, EVENT_SIZE))
    samples = noise.copy()
    for t in range(1, num_samples):
        samples[t] = coefficient * samples[t - 1] + np.sqrt(1 - coefficient**2) * noise[t]
    return samples.astype(np.float32)


def test_acceptance_rate_is_the_mean_over_chains():
    chains = result(autoregressive(), acceptance=np.array([0.1, 0.2, 0.3, 0.8]))
    assert chains.acceptance_rate == pytest.approx(0.35)
    assert isinstance(chains.acceptance_rate, float)


def test_ess_of_autoregressive_chains_is_the_known_one():
    chains = result(autoregressive(num_samples=2000, num_chains=8))
    expected = 16_000 * (1 - 0.7) / (1 + 0.7)
    assert chains.ess.shape == (EVENT_SIZE,)
    np.testing.assert_allclose(chains.ess, expected, rtol=0.15)
    assert np.all(chains.rhat < 1.01)


def test_diagnostics_match_arviz_on_the_export():
    samples = autoregressive()
    samples[:, 0, 1] += 1.0  # a chain that disagrees in one dimension
    chains = result(samples)
    data = chains.to_arviz()
    np.testing.assert_allclose(chains.ess, arviz.ess(data)["x"], rtol=1e-6)
    np.testing.assert_allclose(chains.rhat, arviz.rhat(data)["x"], rtol=1e-6)
    assert chains.rhat[1] > 1.1 > chains.rhat[0]


def test_single_chain_has_diagnostics():
    chains = result(autoregressive(num_chains=1, num_samples=2000))
    expected = 2000 * (1 - 0.7) / (1 + 0.7)
    np.testing.assert_allclose(chains.ess, expected, rtol=0.35)
    assert np.all((chains.rhat > 0.99) & (chains.rhat < 1.05))


def test_single_drifting_chain_is_found_out():
    samples = autoregressive(num_chains=1)
    samples += np.linspace(0.0, 5.0, NUM_SAMPLES)[:, np.newaxis, np.newaxis]
    assert np.all(result(samples).rhat > 1.2)


def test_chains_that_never_moved_have_no_ess():
    samples = autoregressive()
    samples[..., 1] = 2.5
    chains = result(samples)
    assert list(np.isnan(chains.ess)) == [False, True, False]
    assert list(np.isnan(chains.rhat)) == [False, True, False]


def test_chains_stuck_at_different_points_do_not_pass():
    samples = np.broadcast_to(np.arange(8.0).reshape(1, 4, 2), (100, 4, 2))
    chains = result(samples)
    assert np.all(chains.rhat > 1e6)
    assert np.all(chains.ess < 10)


@pytest.mark.parametrize(("num_chains", "num_samples"), [(4, 1), (4, 3), (1, 1), (1, 7)])
def test_too_short_chains_have_no_diagnostics(num_chains, num_samples):
    chains = result(autoregressive(num_chains, num_samples))
    assert np.all(np.isnan(chains.rhat))
    if num_samples < 4:
        assert np.all(np.isnan(chains.ess))
    assert str(chains).endswith("R-hat nan")
    assert chains.to_arviz().posterior.x.shape == (num_chains, num_samples, EVENT_SIZE)


def test_draw_is_without_replacement():
    samples = np.arange(60.0).reshape(5, 4, 3)
    draws = result(samples).draw(20, seed=0)
    assert draws.shape == (20, 3)
    np.testing.assert_array_equal(draws[np.argsort(draws[:, 0])], samples.reshape(20, 3))
    assert not np.array_equal(draws, samples.reshape(20, 3))


def test_draw_seeds():
    chains = result(autoregressive())
    first = chains.draw(10, seed=1)
    np.testing.assert_array_equal(first, chains.draw(10, seed=1))
    np.testing.assert_array_equal(first, chains.draw(10, seed=tf.constant([0, 1])))
    assert not np.array_equal(first, chains.draw(10, seed=2))
    assert not np.array_equal(chains.draw(10), chains.draw(10))
    assert chains.draw(10, seed=-1).shape == (10, EVENT_SIZE)


@pytest.mark.parametrize(
    ("n", "message"),
    [
        (NUM_SAMPLES * NUM_CHAINS + 1, "at most the number of samples, 800,.*got 801"),
        (0, "`n` must be an integer of at least 1, but got 0"),
        (2.5, "got 2.5"),
    ],
)
def test_draw_refuses(n, message):
    with pytest.raises(ValueError, match=message):
        result(autoregressive()).draw(n, seed=0)


def test_to_arviz():
    chains = result(autoregressive())
    posterior = chains.to_arviz().posterior
    assert posterior["x"].dims == ("chain", "draw", "dim")
    assert posterior["x"].shape == (NUM_CHAINS, NUM_SAMPLES, EVENT_SIZE)
    np.testing.assert_array_equal(posterior["x"][2, 7], chains.samples[7, 2])
    assert posterior.attrs["proposal_scale"] == 1.25
    assert posterior.attrs["acceptance_rate"] == chains.acceptance_rate
    assert posterior.attrs["num_burnin"] == 50


def test_summary_names_the_worst_dimension():
    samples = autoregressive()
    samples[:, 0, 1] += 1.0
    chains = result(samples)
    text = str(chains)
    assert "4 chains of 200 samples in 3 dimensions" in text
    assert "acceptance rate 0.350 at proposal scale 1.25" in text
    assert f"ESS {chains.ess[1]:.0f}, R-hat {chains.rhat[1]:.3f}" in text


def test_result_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        result(autoregressive()).samples = None


def full_result():
    stats = dict(lp=np.ones([NUM_SAMPLES, NUM_CHAINS]))
    return dataclasses.replace(
        result(autoregressive()),
        settings=dict(seed=[0, 1], dtype="float32"),
        proposal_scale=None,
        step_size=0.25,
        sample_stats=stats | dict(diverging=stats["lp"] > 0.0),
        mode_mass=np.array([0.25, 0.75]),
        mode_crossings=np.arange(NUM_CHAINS),
    )


def test_statistics_of_samples():
    chains = full_result()
    assert chains.num_divergences == NUM_SAMPLES * NUM_CHAINS
    np.testing.assert_array_equal(chains.ess_per_second, chains.ess / 0.5)
    data = chains.to_arviz()
    assert data.sample_stats["diverging"].shape == (NUM_CHAINS, NUM_SAMPLES)
    assert "proposal_scale" not in data.posterior.attrs
    assert data.posterior.attrs["step_size"] == 0.25
    assert "at step size 0.25, 800 divergences\nmass of modes 0.250, 0.750; 6 cross" in (
        str(chains)
    )


def test_thinned_samples_are_those_of_a_thinned_run():
    chains = full_result()
    thinned = chains.thin(3)
    np.testing.assert_array_equal(thinned.samples, chains.samples[2::3])
    assert thinned.sample_stats["lp"].shape == (NUM_SAMPLES // 3, NUM_CHAINS)
    with pytest.raises(ValueError, match=r"at most .*200, but got 201"):
        chains.thin(201)


def test_autocorrelation_is_the_known_one():
    chains = result(autoregressive(num_samples=2_000))
    found = chains.autocorrelation(3)
    expected = np.repeat(0.7 ** np.arange(4.0)[:, np.newaxis], EVENT_SIZE, axis=1)
    np.testing.assert_allclose(found, expected, atol=0.05)
    with pytest.raises(ValueError, match=r"below the number of .*2000"):
        chains.autocorrelation(2_000)


@pytest.mark.parametrize("make", [full_result, lambda: result(autoregressive())])
def test_files(make, tmp_path):
    chains = make()
    save(chains, tmp_path / "chains.npz")
    loaded = load(tmp_path / "chains.npz")
    for field in dataclasses.fields(chains):
        before, after = getattr(chains, field.name), getattr(loaded, field.name)
        if field.name == "sample_stats":
            assert before.keys() == after.keys()
            before, after = list(before.values()), list(after.values())
        np.testing.assert_array_equal(before, after, err_msg=field.name)


@pytest.mark.parametrize(
    "change",
    [
        dict(acceptance_rate_per_chain=np.zeros(3)),
        dict(sample_stats=dict(lp=np.zeros([2, 2]))),
        dict(seconds="long"),
    ],
)
def test_files_of_no_run_are_refused(change, tmp_path):
    save(dataclasses.replace(full_result(), **change), tmp_path / "chains.npz")
    with pytest.raises(InvalidFileError, match="not a file of chains, or is damaged"):
        load(tmp_path / "chains.npz")
