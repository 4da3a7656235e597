"""Running notebooks: what is stored, and what happens to bad ones."""

import base64
import io
import sys

import nbformat
import numpy as np
import pytest
from PIL import Image

import tfp_flows as tff
from notebooks import __main__ as command
from notebooks.execution import notebook_paths, run_notebooks
from notebooks.outputs import run_time, tidy

SHOW_PYTHON = "import sys; print(sys.executable)"
LOG = "I0000 00:00:1795570171.2  1966 port.cc:153] oneDNN custom operations are on.\\n"
NOISE = f"import sys; _ = sys.stderr.write('{LOG}')"
WARN = "import warnings; warnings.warn('mind the gap')"


@pytest.fixture
def make(tmp_path):
    """Writes notebooks of code cells into a folder, which it returns."""

    def write(**notebooks):
        folder = tmp_path / "notebooks"
        folder.mkdir(exist_ok=True)
        for name, cells in notebooks.items():
            notebook = nbformat.v4.new_notebook(
                cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
                metadata={"kernelspec": {"name": "elsewhere", "display_name": "x"}},
            )
            nbformat.write(notebook, folder / f"{name.replace('_', '')}.ipynb")
        return folder

    return write


def outputs(path):
    cells = nbformat.read(path, as_version=4).cells
    return [[output.get("text") for output in cell.get("outputs", [])] for cell in cells]


def test_outputs_are_stored_in_place_from_this_python(make):
    folder = make(_01=[SHOW_PYTHON, NOISE, WARN, "print(1)\nprint(2)"])
    written = run_notebooks(folder, progress_bar=False)
    assert written == [folder / "01.ipynb"]
    assert [path.name for path in folder.iterdir()] == ["01.ipynb"]
    python, noise, warning, printed = outputs(folder / "01.ipynb")
    assert python == [f"{sys.executable}\n"]
    assert noise == []
    assert "mind the gap" in warning[0]
    assert printed == ["1\n2\n"]
    notebook = nbformat.read(folder / "01.ipynb", as_version=4)
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.tfp_flows.seconds >= 0
    assert [cell.execution_count for cell in notebook.cells] == [1, 2, 3, 4]
    assert all(cell.metadata == {} for cell in notebook.cells)


def test_kernels_take_the_package_that_runs_them(make, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    folder = make(_01=["import tfp_flows; print(tfp_flows.__file__)"])
    (written,) = run_notebooks(folder, progress_bar=False)
    assert outputs(written) == [[f"{tff.__file__}\n"]]


@pytest.fixture
def with_parameters(tmp_path):
    """Writes a notebook with a time, parameters and quick values; returns its path."""

    def write(source, **quick):
        cells = [
            nbformat.v4.new_markdown_cell(f"# 1. Sums\n\n{run_time(540)}\n\nText."),
            nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell("print(n, rates)"),
        ]
        notes = {"seconds": 540, "quick": quick}
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"tfp_flows": notes})
        nbformat.write(notebook, tmp_path / "01.ipynb")
        return tmp_path / "01.ipynb"

    return write


PARAMETERS = "n = 100  # terms\nrates = [0.1, 0.2]"


def test_quick_runs_take_quick_values_and_store_none(with_parameters, tmp_path):
    path = with_parameters(PARAMETERS, n=2, rates=[0.5])
    before = path.read_bytes()
    assert run_notebooks(tmp_path, quick=True, progress_bar=False) == []
    assert path.read_bytes() == before
    (written,) = run_notebooks(
        tmp_path, quick=True, out=tmp_path / "out", progress_bar=False
    )
    assert path.read_bytes() == before
    assert outputs(written)[1:] == [[], ["2 [0.5]\n"]]
    # All but the outputs is as it was, the time too.
    quick, full = (nbformat.read(p, as_version=4) for p in (written, path))
    assert [cell.source for cell in quick.cells] == [cell.source for cell in full.cells]
    assert [cell.metadata for cell in quick.cells] == [
        cell.metadata for cell in full.cells
    ]
    assert quick.metadata.tfp_flows == full.metadata.tfp_flows


def test_full_runs_take_the_parameters_and_show_their_time(with_parameters, tmp_path):
    path = with_parameters(PARAMETERS, n=2)
    assert run_notebooks(tmp_path, progress_bar=False) == [path]
    assert outputs(path)[1:] == [[], ["100 [0.1, 0.2]\n"]]
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[1].source == PARAMETERS
    assert notebook.cells[1].metadata == {"tags": ["parameters"]}
    assert notebook.metadata.tfp_flows.quick == {"n": 2}
    seconds = notebook.metadata.tfp_flows.seconds
    assert seconds < 540
    assert notebook.cells[0].source == f"# 1. Sums\n\n{run_time(seconds)}\n\nText."


def test_a_first_run_shows_its_time_too():
    cells = [nbformat.v4.new_markdown_cell("# 1. Sums\n\nText.")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    tidy(notebook, seconds=124.0)
    assert notebook.cells[0].source == (
        "# 1. Sums\n\n*Takes about 2 minutes on two cores.*\n\nText."
    )
    assert notebook.metadata.tfp_flows == {"seconds": 124}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "10 seconds"),
        (13, "10 seconds"),
        (54, "50 seconds"),
        (55, "a minute"),
        (88, "a minute"),
        (246, "4 minutes"),
    ],
)
def test_times_are_round(seconds, words):
    assert run_time(seconds) == f"*Takes about {words} on two cores.*"


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize(
    ("source", "match"),
    [
        (PARAMETERS, r"01\.ipynb cannot be run.*quick values of m, z,.*'parameters'"),
        ("n = 100\nm = z = 2", "01.*assign constants alone, but has 'm = z = 2'"),
        ("n = 10 * 10", "01.*assign constants alone, but has 'n = 10 \\* 10'"),
        ("n, m = 1, 2", "01.*assign constants alone"),
        ("print(1)", "01.*assign constants alone"),
    ],
)
def test_quick_values_of_no_parameter(with_parameters, tmp_path, source, match, quick):
    path = with_parameters(source, n=2, z=3, m=4)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=match):
        run_notebooks(tmp_path, quick=quick, progress_bar=False)
    assert path.read_bytes() == before


def test_quick_values_without_a_cell_of_parameters(make):
    folder = make(_01=["n = 1"])
    notebook = nbformat.read(folder / "01.ipynb", as_version=4)
    notebook.metadata.tfp_flows = {"quick": {"n": 0}}
    nbformat.write(notebook, folder / "01.ipynb")
    with pytest.raises(ValueError, match="quick values of n,"):
        run_notebooks(folder, quick=True, progress_bar=False)


def test_a_failing_cell_stores_nothing(make):
    folder = make(_01=["print(1)", "1 / 0"], _02=["print(2)"])
    before = (folder / "01.ipynb").read_bytes()
    with pytest.raises(
        RuntimeError, match=r"01\.ipynb failed in code cell 2 .*ZeroDivisionError"
    ):
        run_notebooks(folder, progress_bar=False)
    assert (folder / "01.ipynb").read_bytes() == before
    assert outputs(folder / "02.ipynb") == [[]]


def test_a_dying_kernel_is_reported(make):
    folder = make(_01=["import os; os._exit(3)"])
    with pytest.raises(RuntimeError, match=r"01\.ipynb died"):
        run_notebooks(folder, progress_bar=False)


def test_paths(make, tmp_path):
    folder = make(_01a=[], _02b=[], _11c=[], draft=[])
    assert [p.stem for p in notebook_paths(folder)] == ["01a", "02b", "11c"]
    assert [p.stem for p in notebook_paths(folder, ["11", "01"])] == [
        "01a",
        "11c",
    ]
    with pytest.raises(ValueError, match=r"'03'.*01a, 02b, 11c"):
        notebook_paths(folder, ["01", "03"])
    with pytest.raises(FileNotFoundError, match="no notebooks"):
        notebook_paths(tmp_path)


def test_without_the_extra(make, monkeypatch):
    folder = make(_01=[])
    monkeypatch.setitem(sys.modules, "nbclient", None)
    with pytest.raises(ImportError, match=r"nbclient.*pip install .*notebooks"):
        run_notebooks(folder, progress_bar=False)


def test_pictures_lose_no_more_than_a_shade():
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    rest = np.uint8([128, 255])
    channels = np.broadcast_arrays(ramp, ramp[:, np.newaxis], *rest)
    pixels = np.stack(channels, axis=-1)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("")])
    data = {"image/png": base64.b64encode(file.getvalue()).decode()}
    notebook.cells[0].outputs = [nbformat.v4.new_output("display_data", data=data)]
    tidy(notebook, seconds=1.0)
    stored = base64.b64decode(notebook.cells[0].outputs[0].data["image/png"])
    image = Image.open(io.BytesIO(stored))
    assert image.mode == "P"
    difference = np.asarray(image.convert("RGB"), int) - pixels[..., :3]
    assert np.max(np.abs(difference)) <= 16


def test_command(make, monkeypatch, capsys):
    folder = make(_01=["print(1)"], _02=["print(2)"])
    monkeypatch.setattr(command, "FOLDER", folder)
    monkeypatch.chdir(folder.parent)
    assert command.main(["--only", "02", "--out", "out"]) == 0
    assert outputs(folder.parent / "out" / "02.ipynb") == [["2\n"]]
    assert not (folder.parent / "out" / "01.ipynb").exists()
    assert command.main(["--quick", "--only", "01"]) == 0
    assert "nothing is stored" in capsys.readouterr().out
    assert command.main(["--only", "03"]) == 2
    assert "tfp-flows: error: No notebook's name" in capsys.readouterr().err
