"""The notebooks run, hold prose and calls only, and are stored with tidy outputs."""

import ast
import pathlib
import re

import nbformat
import pytest

from tfp_flows import experiments

FOLDER = pathlib.Path(__file__).parents[2] / "notebooks"
PATHS = experiments.notebook_paths(FOLDER)
# The one whose subject is to define a class.
WITH_CLASS = "02-writing-a-bijector.ipynb"

each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def code_cells(path):
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


def test_they_are_numbered_in_reading_order():
    numbers = [path.name[:2] for path in PATHS]
    assert numbers == [f"{n:02d}" for n in range(1, len(PATHS) + 1)]
    assert len(PATHS) == 11


@each_notebook
def test_stored_outputs(path):
    assert path.stat().st_size < 600_000
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert all(output.output_type != "error" for output in outputs)
    assert all(output.get("name") != "stderr" for output in outputs)
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2
    text = path.read_text("utf-8")
    assert not re.search(r"/home/|/root/|/work/|/tmp/|WARNING|\d seconds", text)
    metadata = nbformat.read(path, as_version=4).metadata
    assert set(metadata) == {"kernelspec", "language_info"}
    assert metadata.kernelspec.name == "python3"


@each_notebook
def test_prose_and_calls_only(path):
    source = "\n".join(cell.source for cell in code_cells(path))
    defined = {
        type(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    assert not defined or path.name == WITH_CLASS
    assert 'os.environ.get("TFP_FLOWS_QUICK", "0") == "1"' in source


@each_notebook
def test_links_between_notebooks(path):
    for link in re.findall(r"\]\(([^)]+\.ipynb)\)", path.read_text("utf-8")):
        assert (FOLDER / link).exists(), link


@pytest.mark.slow
@each_notebook
def test_runs_from_a_clean_kernel(path, tmp_path):
    before = path.read_bytes()
    (written,) = experiments.run_notebooks(
        FOLDER, only=[path.name], quick=True, out=tmp_path, progress_bar=False
    )
    assert path.read_bytes() == before
    for run, stored in zip(code_cells(written), code_cells(path), strict=True):
        assert run.source == stored.source
        # A short run shows the same kinds of things.
        assert [o.output_type for o in run.outputs] == [
            o.output_type for o in stored.outputs
        ]
