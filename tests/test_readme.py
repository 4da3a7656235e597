"""The README's results are those of the results file."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from benchmarks import readme, results, tables
from tfp_flows.experiments.reproduce_table import markdown_table

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_results_table_comes_from_the_results_file():
    results = json.loads((ROOT / "report" / "results.json").read_text("utf-8"))
    table = markdown_table(results)
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


@pytest.mark.slow
def test_code_runs_from_top_to_bottom(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(blocks) >= 6
    code = "\n".join(blocks)
    short = code.replace("num_steps=5_000", "num_steps=100").replace(
        "epochs=30", "epochs=2"
    )
    script = tmp_path / "readme.py"
    script.write_text(_SHORT + short, "utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    for shown in ("ELBO", "verdict", "R-hat", "NLL"):
        assert shown in run.stdout, run.stdout


# Fits of a hundredth of their default length: this tests that the calls exist and fit
# together.
_SHORT = """
import functools
import tfp_flows as tff

for name in ("fit_reverse_kl", "fit_maximum_likelihood"):
    fit = getattr(tff.vi, name)
    setattr(tff.vi, name, functools.partial(fit, num_steps=100))
restarts = tff.vi.fit_restarts
tff.vi.fit_restarts = functools.partial(restarts, num_steps=100)
"""
