"""The notebooks run, hold prose and calls only, and are stored with tidy outputs."""

import ast
import contextlib
import io
import pathlib
import re

import matplotlib.pyplot as plt
import nbformat
import pytest
from shortened import shorten

from notebooks.execution import notebook_paths

FOLDER = pathlib.Path(__file__).parents[2] / "notebooks"
PATHS = notebook_paths(FOLDER)
# The one whose subject is to define a class.
WITH_CLASS = "02-writing-a-bijector.ipynb"
# Those that take longest even if shortened; the workflow runs them.
LONG = ("02", "05", "07", "08", "09", "10", "11", "12")

each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def code_cells(path):
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


def test_they_are_numbered_in_reading_order():
    numbers = [path.name[:2] for path in PATHS]
    assert numbers == [f"{n:02d}" for n in range(1, len(PATHS) + 1)]
    assert len(PATHS) == 12


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
    assert set(metadata) - {"tfp_flows"} == {"kernelspec", "language_info"}
    assert metadata.kernelspec.name == "python3"


def is_model(node):
    """Whether it is a joint distribution, written as a coroutine."""
    return [ast.unparse(d) for d in node.decorator_list] == [
        "tfd.JointDistributionCoroutineAutoBatched"
    ]


@each_notebook
def test_prose_and_calls_only(path):
    source = "\n".join(cell.source for cell in code_cells(path))
    defined = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not is_model(node)
    ]
    assert not defined or path.name == WITH_CLASS
    assert 'os.environ.get("TFP_FLOWS_QUICK", "0") == "1"' in source


@each_notebook
def test_links_between_notebooks(path):
    for link in re.findall(r"\]\(([^)]+\.ipynb)\)", path.read_text("utf-8")):
        assert (FOLDER / link).exists(), link


class Outputs(io.TextIOBase):
    """Standard output of a cell and its figures, by kind, in their order."""

    def __init__(self):
        self.kinds = []

    def write(self, text):
        if text and self.kinds[-1:] != ["stream"]:
            self.kinds.append("stream")
        return len(text)

    def show(self):
        """What `plt.show` does in a notebook: draws each open figure, closes it."""
        for number in plt.get_fignums():
            plt.figure(number).savefig(io.BytesIO(), dpi=20)
            self.kinds.append("display_data")
        plt.close("all")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.evidence] * (path.stem[:2] in LONG))
        for path in PATHS
    ],
    ids=lambda path: path.stem,
)
def test_runs_and_shows_the_kinds_of_things_that_are_stored(path, monkeypatch):
    # Here, as what a kernel adds is the import of TensorFlow: ten times the work.
    monkeypatch.setenv("TFP_FLOWS_QUICK", "1")
    shorten(monkeypatch)
    plt.switch_backend("agg")
    plt.close("all")
    names = {"__name__": "__main__"}
    with plt.rc_context():
        for number, cell in enumerate(code_cells(path), start=1):
            outputs = Outputs()
            monkeypatch.setattr(plt, "show", outputs.show)
            code = compile(cell.source, f"{path.name}, code cell {number}", "exec")
            with contextlib.redirect_stdout(outputs):
                exec(code, names)
            assert outputs.kinds == [output.output_type for output in cell.outputs]
