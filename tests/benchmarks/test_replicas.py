"""The benchmark of strategies: its table is that of its results."""

import json

from benchmarks import replicas


def test_the_table_is_that_of_the_results():
    found = json.loads((replicas.RESULTS / "replicas.json").read_text("utf-8"))
    assert set(found["cases"]) == set(replicas.CASES)
    text = (replicas.RESULTS / "replicas.md").read_text("utf-8")
    assert text == replicas.document(found)
    assert "| no strategy | 4.86 | 1.00x | -3.675 |" in text
