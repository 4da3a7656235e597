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

from notebooks import parameters
from notebooks.execution import notebook_paths
from notebooks.outputs import run_time

FOLDER = pathlib.Path(__file__).parents[2] / "notebooks"
PATHS = notebook_paths(FOLDER)
# The one whose subject is to define a class.
WITH_CLASS = "02-writing-a-bijector.ipynb"
# Those that take longest even if shortened; the workflow runs them.
LONG = ("02", "03", "04", "05", "07", "08", "09", "10", "11", "12")

each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def code_cells(path):
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


def shown_run_time(path):
    """The line below the title."""
    notebook = nbformat.read(path, as_version=4)
    return notebook.cells[0].source.split("\n\n")[1]


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
    text = path.read_text("utf-8").replace(shown_run_time(path), "", 1)
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
def test_the_time_of_a_run_is_shown(path):
    metadata = nbformat.read(path, as_version=4).metadata
    assert shown_run_time(path) == run_time(metadata.tfp_flows.seconds)


@each_notebook
def test_quick_values_are_of_parameters_and_out_of_sight(path):
    notebook = nbformat.read(path, as_version=4)
    full = parameters.constants(notebook)
    quick = parameters.quick_values(notebook)
    # Each constant that the cell of parameters has is one that a quick run changes.
    assert set(quick) == set(full)
    for name, value in quick.items():
        assert value != full[name]
        # A `NotebookNode` is a dictionary.
        assert isinstance(value, type(full[name])), name
    code = "\n".join(cell.source for cell in code_cells(path))
    assert not re.search("quick|environ", code, re.IGNORECASE)


@each_notebook
def test_prose_and_calls_only(path):
    source = "\n".join(cell.source for cell in code_cells(path))
    defined = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not is_model(node)
    ]
    assert not defined or path.name == WITH_CLASS


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
    shorten(monkeypatch)
    plt.switch_backend("agg")
    plt.close("all")
    names = {"__name__": "__main__"}
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    quick = parameters.quick_values(notebook)
    with plt.rc_context(), parameters.injected(notebook, quick):
        for number, cell in enumerate(cells, start=1):
            outputs = Outputs()
            monkeypatch.setattr(plt, "show", outputs.show)
            code = compile(cell.source, f"{path.name}, code cell {number}", "exec")
            with contextlib.redirect_stdout(outputs):
                exec(code, names)
            assert outputs.kinds == [output.output_type for output in cell.outputs]
    assert {name: names[name] for name in quick} == quick
