"""Small images and models for the tests of `tfp_flows.models`."""

import numpy as np
import pytest
from sklearn.datasets import load_digits


@pytest.fixture(scope="session")
def digits():
    """200 of scikit-learn's digits, `[N, 8, 8]`, intensities in [0, 1]."""
    return (load_digits().images[:200] / 16.0).astype(np.float32)
