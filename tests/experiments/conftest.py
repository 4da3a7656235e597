"""Small experiments, each run once: the tests look at what they wrote."""

import functools

import pytest

from tfp_flows import plotting
from tfp_flows.experiments.density_estimation import DensityConfig, estimate_densities
from tfp_flows.experiments.reproduce import ReproduceConfig, reproduce


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory):
    """A folder, the configuration and the results of `reproduce`."""
    out = tmp_path_factory.mktemp("reproduce")
    config = ReproduceConfig(
        examples=("example1",),
        num_layers=(2,),
        num_steps=40,
        sample_size=16,
        jit_compile=False,
        num_evaluation_samples=1_000,
        num_chains=10,
        num_chain_samples=60,
        num_burnin=50,
        thinning=2,
    )
    # On the grid of 400 x 400 points, densities take longer than the fits.
    coarse = functools.partial(plotting.density_on_grid, resolution=80)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plotting, "density_on_grid", coarse)
        results = reproduce(out, config, num_workers=1, progress_bar=False)
    return out, config, results


@pytest.fixture(scope="session")
def estimated(tmp_path_factory):
    """A folder, the configuration and the results of `estimate_densities`."""
    out = tmp_path_factory.mktemp("density")
    config = DensityConfig(
        points=("two_moons", "circles"),
        flows=("planar_inverted", "radial_inverted"),
        num_layers=2,
        num_train=200,
        num_test=300,
        num_steps=30,
        batch_size=50,
        jit_compile=False,
    )
    results = estimate_densities(out, config, num_workers=1, progress_bar=False)
    return out, config, results
