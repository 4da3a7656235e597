"""Fixtures shared by all tests."""

import functools
import gc
import signal
import types

import numpy as np
import pytest
import registry
from shortened import running_eagerly

import tfp_flows as tff
from tfp_flows import plotting
from tfp_flows.experiments.configs import DensityConfig, ReproduceConfig
from tfp_flows.experiments.density_estimation import estimate_densities
from tfp_flows.experiments.reproduce import reproduce


def pytest_collection_finish():
    """Garbage is collected more rarely, and never looked for in what imports have made.

    A graph is many objects: at Python's threshold, of 700, collections take a twentieth
    of the time.
    """
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


@pytest.fixture
def rng():
    """Random numbers that do not depend on the order of the tests."""
    return np.random.default_rng(20150521)


@pytest.fixture
def interruptible():
    """SIGINT as in the foreground: shells start background jobs with it ignored."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.fixture
def eagerly():
    """What is a `tf.function` runs eagerly: a few steps take less time than a trace."""
    with running_eagerly():
        yield


@pytest.fixture(params=registry.ENTRIES, ids=lambda entry: entry.name)
def entry(request):
    """Each bijector of the package in turn."""
    return request.param


@pytest.fixture(scope="session")
def fitted():
    """A flow fitted by the default recipe, shortened, with target and result."""
    target = tff.targets.get("example1")
    flow = tff.planar_flow(2, 16, seed=0)
    result = tff.vi.fit_reverse_kl(
        flow,
        target.unnormalized_log_prob,
        num_steps=1_500,
        sample_size=1_024,
        seed=0,
        jit_compile=True,
        progress_bar=False,
    )
    return types.SimpleNamespace(flow=flow, target=target, result=result)


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
        points=("two_moons",),
        flows=("planar_inverted", "radial_inverted"),
        num_layers=2,
        num_train=200,
        num_test=300,
        num_steps=3,
        batch_size=50,
        jit_compile=False,
    )
    with running_eagerly():
        results = estimate_densities(out, config, num_workers=1, progress_bar=False)
    return out, config, results
