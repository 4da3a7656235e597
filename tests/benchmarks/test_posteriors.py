"""Posteriors beside other methods: the tables, and what they are made of."""

import json
import pathlib

import numpy as np
import pytest

import benchmarks.posteriors.__main__ as posteriors
from benchmarks.posteriors import reference

RESULTS = pathlib.Path(__file__).parents[2] / "benchmarks" / "results"


def test_the_tables_are_those_of_the_results():
    rows = json.loads((RESULTS / "posteriors.json").read_text("utf-8"))["rows"]
    assert (RESULTS / "posteriors.md").read_text("utf-8") == posteriors.document(rows)
    assert len({posteriors.key(row) for row in rows}) == len(rows)


@pytest.mark.parametrize(
    ("verdict", "raw", "weighted", "is_true"),
    [
        ("good", 0.02, 0.02, True),
        ("good", 0.2, 0.02, False),
        ("usable with importance weights", 0.2, 0.02, True),
        ("usable with importance weights", 0.02, 0.2, False),
        ("do not trust", 0.2, 0.2, True),
        ("undecided", 0.02, 0.2, False),
    ],
)
def test_which_verdicts_are_true(verdict, raw, weighted, is_true):
    row = dict(verdict=verdict, raw=(raw, 0.01), weighted=(weighted, 0.01))
    assert posteriors.is_true(row) == is_true


def test_errors_are_in_standard_deviations(rng):
    found = reference.Reference({}, np.array([1.0, -2.0]), np.array([0.5, 3.0]))
    values = found.mean + found.sd * rng.normal(size=(400_000, 2))
    # The second is 0.2 off, and 1.5 times as wide.
    values[:, 1] = -2.0 + 3.0 * (0.2 + 1.5 * (values[:, 1] + 2.0) / 3.0)
    mean, sd = reference.moments(values)
    of_mean, of_sd = reference.errors(found, mean, sd)
    assert of_mean == pytest.approx(0.2, abs=0.01)
    assert of_sd == pytest.approx(np.log(1.5), abs=0.01)
    assert not reference.is_within((of_mean, of_sd))
    assert not reference.is_within((np.nan, 0.0))
    weights = np.zeros(len(values)) - np.inf
    weights[:100] = 0.0
    np.testing.assert_allclose(
        reference.moments(values, weights)[0], values[:100].mean(axis=0)
    )


def test_a_process_that_factors_its_covariance():
    x, rho, alpha = np.array([0.0, 1.0, 3.0]), np.array([2.0]), np.array([1.5])
    factor = reference.covariance_factor(np, x, rho, alpha)[0]
    kernel = 2.25 * np.exp(-((x[:, None] - x) ** 2) / 8.0)
    np.testing.assert_allclose(factor @ factor.T, kernel, atol=1e-9)
