"""The tables of conditional densities, and the densities that they know."""

import json
import pathlib

import numpy as np
import pytest

from benchmarks import conditional
from benchmarks.conditional_toys import TOYS

ROOT = pathlib.Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


@pytest.fixture(scope="module")
def found():
    return json.loads((RESULTS / "conditional.json").read_text("utf-8"))


def test_the_page_shows_the_results_file(found):
    written = (RESULTS / "conditional.md").read_text("utf-8")
    assert written == conditional.document(found)
    page = (ROOT / "docs" / "conditional.md").read_text("utf-8")
    assert "```{include} ../benchmarks/results/conditional.md\n```" in page


@pytest.mark.parametrize("toy", TOYS)
def test_flows_reach_the_truth_in_their_default_direction(toy, found):
    rows = [
        row
        for row in found["toys"]
        if row["toy"] == toy and row["invert"] == (row["family"] != "radial")
    ]
    assert {row["family"] for row in rows} == set(conditional.FAMILIES)
    for row in rows:
        assert row["excess"] + 2 * row["standard_error"] < 0.02, row["family"]


@pytest.mark.parametrize("toy", TOYS)
def test_draws_are_of_the_density(toy, rng):
    x = np.repeat([[-0.7], [0.5]], 50_000, axis=0)
    y = TOYS[toy].draw_y(rng, x)
    # With any density r around y, E[r / p] is the integral of r, 1.
    center, scale = y.mean(axis=0), 0.3 * y.std(axis=0)
    z = (y - center) / scale
    log_r = -np.sum(0.5 * z**2 + np.log(scale) + 0.5 * np.log(2 * np.pi), axis=-1)
    ratio = np.exp(log_r - TOYS[toy].log_prob(x, y)).reshape(2, -1)
    assert np.mean(ratio, axis=1) == pytest.approx(
        1.0, abs=5 * np.max(np.std(ratio, axis=1)) / 50_000**0.5
    )
    assert np.max(np.std(ratio, axis=1)) < 20.0


def test_heads_have_the_same_splits(found):
    splits = {}
    for row in found["regression"]:
        splits.setdefault(row["head"], set()).add(row["split"])
    assert set(splits) == {*conditional.MIXTURES, *conditional.FAMILIES}
    assert all(
        len(values) == conditional.REAL["num_splits"] for values in splits.values()
    )
