"""Fixtures shared by all tests."""

import types

import numpy as np
import pytest
import registry

import tfp_flows as tff


@pytest.fixture
def rng():
    """Random numbers that do not depend on the order of the tests."""
    return np.random.default_rng(20150521)


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
