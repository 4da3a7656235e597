"""Fixtures shared by all tests."""

import numpy as np
import pytest
import registry


@pytest.fixture
def rng():
    """Random numbers that do not depend on the order of the tests."""
    return np.random.default_rng(20150521)


@pytest.fixture(params=registry.ENTRIES, ids=lambda entry: entry.name)
def entry(request):
    """Each bijector of the package in turn."""
    return request.param
