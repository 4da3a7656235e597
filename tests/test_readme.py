"""The README's results are those of the results file."""

import json
import pathlib
import re

import pytest

from benchmarks import readme, results, tables
from tfp_flows.experiments.tables import reproduction_table

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_results_table_comes_from_the_results_file():
    results = json.loads((ROOT / "report" / "results.json").read_text("utf-8"))
    table = reproduction_table(results)
    assert table == (ROOT / "report" / "results.md").read_text("utf-8")
    shown = README.split("<!-- results:", 1)[1].split("-->\n", 1)[1]
    assert shown.split("<!-- end of results -->", 1)[0].strip() == table.strip()


def test_speed_table_comes_from_the_results_file():
    found = results.read(ROOT / "benchmarks" / "results" / "results.json")
    shown = README.split(readme.START)[1].split(readme.END)[0]
    assert shown.strip() == readme.summary(found).strip()
    written = (ROOT / "benchmarks" / "results" / "results.md").read_text("utf-8")
    assert written == tables.document(found)


@pytest.mark.parametrize("name", ["README.md", "report/predecessor.md"])
def test_linked_files_exist(name):
    page = ROOT / name
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8"))
    local = [link for link in links if not link.startswith("http")]
    assert len(local) >= 4
    for link in local:
        assert (page.parent / link).exists(), link


def test_ci_runs_the_readmes_test_command():
    commands = re.findall(r"```sh\n(python3 -m venv .*)\n```", README)
    assert len(commands) == 2
    install, run = commands[1].split(" && ")[-2:]
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    assert run == "pytest"
    assert "\npytest\n" in script
    assert install == 'pip install ".[test]"'
    assert 'pip install --quiet ".[test]"' in script
