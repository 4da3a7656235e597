"""The README's results are those of the results file."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from benchmarks import readme, results, tables
from tfp_flows.experiments.tables import reproduction_table
from tfp_flows.version import __version__

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_results_table_comes_from_the_results_file():
    for folder in (ROOT / "report", ROOT / "report" / "energies"):
        results = json.loads((folder / "results.json").read_text("utf-8"))
        table = (folder / "results.md").read_text("utf-8")
        assert table == reproduction_table(results)


def test_it_is_short():
    assert len(README.split()) <= 900


def test_the_version_is_the_same_everywhere():
    for name, pattern in (
        ("CITATION.cff", r"^version: (.*)$"),
        ("docs/cite.md", r"version = \{(.*)\}"),
        ("CHANGELOG.md", r"^## (\d\S*) \(\d{4}-\d\d-\d\d\)$"),
    ):
        found = re.search(pattern, (ROOT / name).read_text("utf-8"), re.MULTILINE)
        assert found[1] == __version__, name


def test_an_index_page_has_absolute_links():
    """As setup.py makes them where a release is built."""
    run = subprocess.run(
        [sys.executable, "setup.py", "-q", "--long-description"],
        cwd=ROOT,
        env=os.environ | {"GITHUB_REPOSITORY": "owner/name"},
        capture_output=True,
        text=True,
        check=True,
    )
    links = re.findall(r"\]\(([^)]+)\)", run.stdout)
    assert len(links) == len(re.findall(r"\]\(([^)]+)\)", README))
    assert all(link.startswith("https://") for link in links)
    assert any("raw.githubusercontent.com/owner/name/v" in link for link in links)


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
    assert re.search(r"^pip install (--\S+ )*\"\.\[test\]\"$", script, re.MULTILINE)
