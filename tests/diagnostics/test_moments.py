"""Errors of means and standard deviations against closed forms and repeats."""

import numpy as np
import pytest

from tfp_flows.diagnostics.moments import moment_errors, quantities_of

LOC, SCALE = np.array([0.1, -0.3]), np.array([0.9, 1.1])


def draw(rng, n):
    """Samples of N(1000, I) with their log weights to N(1000 + LOC, SCALE^2)."""
    z = rng.normal(size=(n, 2))
    squares = z**2 - ((z - LOC) / SCALE) ** 2
    return dict(z=z + 1_000.0), 0.5 * np.sum(squares, axis=1)


def test_errors_match_closed_forms(rng):
    draws, log_weights = draw(rng, 200_000)
    errors = moment_errors([draws], log_weights)
    mean, sd = -LOC / SCALE, -np.log(SCALE)
    assert np.all(np.abs(errors.mean - mean) < 4.0 * np.array(errors.mean_standard_error))
    assert np.all(np.abs(errors.sd - sd) < 4.0 * np.array(errors.sd_standard_error))
    assert "means off by at most 0.27 sd" in str(errors)


@pytest.mark.parametrize("name", ["mean", "sd"])
def test_standard_errors_match_the_spread_of_repeats(name, rng):
    samples = [draw(rng, 1_000) for _ in range(200)]
    repeats = [moment_errors([draws], log_weights) for draws, log_weights in samples]
    spread = np.std([getattr(r, name) for r in repeats], axis=0)
    stated = np.mean([getattr(r, f"{name}_standard_error") for r in repeats], axis=0)
    np.testing.assert_allclose(stated, spread, rtol=0.25)


def by_definition(z, weights):
    """Errors of mean and logarithm of sd of numbers `[S]`, and their standard errors."""
    mean_q, mean_p = np.mean(z), np.mean(weights * z)
    variance_q, variance_p = np.var(z), np.mean(weights * (z - mean_p) ** 2)
    mean = (mean_q - mean_p) / variance_p**0.5
    to_sd_p = 0.5 * weights * ((z - mean_p) ** 2 / variance_p - 1.0)
    to_sd = 0.5 * ((z - mean_q) ** 2 / variance_q - 1.0) - to_sd_p
    to_mean = (z - mean_q - weights * (z - mean_p)) / variance_p**0.5 - mean * to_sd_p
    root = len(z) ** 0.5
    return (
        mean,
        np.std(to_mean) / root,
        0.5 * np.log(variance_q / variance_p),
        np.std(to_sd) / root,
    )


def test_of_batches_they_are_those_of_all_draws(rng):
    draws, log_weights = draw(rng, 3_000)
    draws |= dict(same=np.full(3_000, 0.1))
    batches = [
        {name: values[part] for name, values in draws.items()}
        for part in (slice(0, 1_500), slice(1_500, 2_900), slice(2_900, None))
    ]
    errors = moment_errors(batches, log_weights)
    weights = np.exp(log_weights) / np.mean(np.exp(log_weights))
    lists = errors.mean, errors.mean_standard_error, errors.sd, errors.sd_standard_error
    for index in range(2):
        expected = by_definition(draws["z"][:, index], weights)
        np.testing.assert_allclose([row[index] for row in lists], expected, rtol=1e-8)
    assert [row[2] for row in lists] == [0.0] * 4


@pytest.mark.parametrize(
    ("quantities_fn", "error", "message"),
    [
        (3, TypeError, "must be a function of samples .* but got 3"),
        (lambda x: x[:, 7], ValueError, "failed for samples of shape"),
        (lambda x, y: dict(x=x), ValueError, "failed .* missing 1 required"),
        (lambda x: x, TypeError, "must return a dict"),
        (lambda x: {}, TypeError, "must return a dict"),
        (lambda x: dict(a=["text"] * 4), TypeError, "'a' is of dtype"),
        (lambda x: dict(a=[[1.0], [1.0, 2.0]]), TypeError, r"\['a'\]` must be an array"),
        (lambda x: dict(a=x[:2]), ValueError, r"for 4 samples 'a' has shape \(2, 2\)"),
        (lambda x: dict(a=1.0), ValueError, r"'a' has shape \(\)"),
    ],
)
def test_bad_quantities(quantities_fn, error, message):
    with pytest.raises(error, match=f"quantities_fn.*{message}"):
        quantities_of(quantities_fn, np.zeros([4, 2]))


def test_numbers_that_are_not_finite_are_infinitely_far_off(rng):
    draws, log_weights = draw(rng, 100)
    draws["z"][3, 1] = np.nan
    errors = moment_errors([draws], log_weights)
    assert errors.mean[1] == np.inf
    assert np.all(np.isfinite([errors.mean[0], *errors.sd, *errors.mean_standard_error]))
