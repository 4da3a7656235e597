"""Errors of means and standard deviations against closed forms and repeats."""

import numpy as np
import pytest

from tfp_flows.diagnostics.moments import moment_errors

LOC, SCALE = np.array([0.1, -0.3]), np.array([0.9, 1.1])


def draw(rng, n):
    """Samples of N(1000, I) with their log weights to N(1000 + LOC, SCALE^2)."""
    z = rng.normal(size=(n, 2))
    squares = z**2 - ((z - LOC) / SCALE) ** 2
    return dict(z=z + 1_000.0), 0.5 * np.sum(squares, axis=1)


def test_errors_match_closed_forms(rng):
    errors = moment_errors(*draw(rng, 200_000))
    mean, sd = -LOC / SCALE, -np.log(SCALE)
    assert np.all(np.abs(errors.mean - mean) < 4.0 * np.array(errors.mean_standard_error))
    assert np.all(np.abs(errors.sd - sd) < 4.0 * np.array(errors.sd_standard_error))
    assert "means off by at most 0.27 sd" in str(errors)


@pytest.mark.parametrize("name", ["mean", "sd"])
def test_standard_errors_match_the_spread_of_repeats(name, rng):
    repeats = [moment_errors(*draw(rng, 1_000)) for _ in range(200)]
    spread = np.std([getattr(r, name) for r in repeats], axis=0)
    stated = np.mean([getattr(r, f"{name}_standard_error") for r in repeats], axis=0)
    np.testing.assert_allclose(stated, spread, rtol=0.25)
