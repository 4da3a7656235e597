"""Mass that no sample shows: the table, and cases that are what they say."""

import json
import pathlib

import numpy as np
import pytest

from benchmarks import hidden_mass
from benchmarks.hidden_mass_targets import FIRST, LATER

RESULTS = pathlib.Path(__file__).parents[2] / "benchmarks" / "results"


def test_the_table_is_that_of_the_results():
    found = json.loads((RESULTS / "hidden_mass.json").read_text("utf-8"))
    text = (RESULTS / "hidden_mass.md").read_text("utf-8")
    assert text == hidden_mass.document(found)
    assert [row["name"] for row in found["after"]] == [*FIRST, *LATER]


@pytest.mark.parametrize(
    "name", ["a far ring, D = 2", "a thin wall with 60 %, D = 2", "the third mode, D = 2"]
)
def test_what_is_hidden_is_there(name):
    # The density of what the flow shows is so much less than the flow's own.
    case = (FIRST | LATER)[name]()
    x = case.flow.sample(2_000, seed=(0, 1))
    log_weights = case.log_prob_fn(x) - case.flow.log_prob(x)
    offset = 3.0 if name == "the third mode, D = 2" else 0.0
    seen = np.mean(np.exp(log_weights - offset))
    assert seen == pytest.approx(1.0 - case.hidden, abs=0.01)
