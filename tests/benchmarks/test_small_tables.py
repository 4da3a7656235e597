"""Benchmarks of one table each: the tables are those of the results."""

import json

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import factorizations, half_precision, one_table
from tfp_flows.density import density


@pytest.mark.parametrize("module", [factorizations, half_precision])
def test_the_table_is_that_of_the_results(module):
    name = module.__name__.split(".")[-1]
    found = json.loads((one_table.RESULTS / f"{name}.json").read_text("utf-8"))
    assert (one_table.RESULTS / f"{name}.md").read_text("utf-8") == module.document(found)


def test_the_gaussian_process_has_its_density():
    size, point = 5, np.array([0.3, -0.2])
    squares = np.square(np.arange(size)[:, np.newaxis] - np.arange(size))
    kernel = np.exp(0.3 - squares * np.exp(0.4)) + 0.1 * np.eye(size)
    observed = np.sin(np.arange(size))
    expected = -0.5 * (
        observed @ np.linalg.solve(kernel, observed)
        + np.linalg.slogdet(kernel)[1]
        + np.sum(point**2)
    )
    found = factorizations.gaussian_process(size)(tf.constant(point[None], tf.float32))
    assert found.numpy() == pytest.approx(expected, rel=1e-4)


def test_the_rule_of_xla_is_that_of_the_results():
    path = one_table.RESULTS / "factorizations.json"
    for row in json.loads(path.read_text("utf-8"))["rows"]:
        is_faster = row["xla"]["milliseconds"] < row["plain"]["milliseconds"]
        assert is_faster == (row["size"] <= density._LARGEST_FACTORIZATION)


def test_a_flow_that_cannot_be_fitted_has_an_error(monkeypatch):
    monkeypatch.setattr(half_precision, "target", lambda x: x[..., 0] * np.nan)
    case = dict(K=2, D=2, S=8, num_steps=3)
    assert half_precision.fit(case, "float32")["error"].startswith("ValueError: ")
