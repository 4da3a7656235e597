"""The notebooks, run from clean kernels, with their outputs stored."""

import os
import pathlib
import tempfile
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from notebooks import outputs, parameters
from tfp_flows.files import prepare_folder, write_text
from tfp_flows.progress import tqdm

if TYPE_CHECKING:  # only the `notebooks` extra brings it
    from nbformat import NotebookNode


def notebook_paths(
    folder: str | os.PathLike, only: Sequence[str] = ()
) -> list[pathlib.Path]:
    """The notebooks of a folder, in reading order.

    Args:
      folder: path.
      only: beginnings of file names, such as `"03"`; none means all notebooks.

    Returns:
      List of `pathlib.Path`.

    Raises:
      FileNotFoundError: if there are none.
      ValueError: if a beginning fits no notebook.
    """
    found = sorted(pathlib.Path(folder).glob("[0-9]*.ipynb"))
    if not found:
        raise FileNotFoundError(
            f"There are no notebooks (01-*.ipynb and so on) in {folder}; pass the "
            "notebooks folder of a source checkout of tfp_flows."
        )
    for start in only:
        if not any(path.name.startswith(start) for path in found):
            raise ValueError(
                f"No notebook's name starts with {start!r}; there are "
                f"{', '.join(path.stem for path in found)}."
            )
    return [path for path in found if not only or path.name.startswith(tuple(only))]


def run_notebooks(
    folder: str | os.PathLike,
    *,
    only: Sequence[str] = (),
    quick: bool = False,
    out: str | os.PathLike | None = None,
    progress_bar: bool = True,
) -> list[pathlib.Path]:
    """Runs notebooks, each in a new kernel of this Python, and stores their outputs.

    Args:
      folder: path of the notebooks.
      only: as for `notebook_paths`.
      quick: whether to shorten them, for tests, by the quick values of their parameters
        (`notebooks.parameters`). These are not stored, nor is the time of such a run.
      out: folder for the executed notebooks. `None` replaces the notebooks themselves,
        each as a whole once it has run; of quick runs, which would replace the outputs of
        full ones, it stores nothing.
      progress_bar: whether to show one, on stderr.

    Returns:
      List of the paths that were written.

    Raises:
      FileNotFoundError, ValueError: as `notebook_paths`.
      ValueError: if a notebook has quick values of parameters that it does not have; none
        is run.
      ImportError: if nbclient, nbformat or ipykernel is not installed.
      OSError: if `out` cannot be written to.
      RuntimeError: if a cell raises; later notebooks are not run.
    """
    paths = notebook_paths(folder, only)
    _check_installed()
    for path in paths:
        _read(path)
    if out is not None:
        out = prepare_folder(out)
    elif not quick:
        out = prepare_folder(folder)
    written = []
    with tqdm(paths, disable=not progress_bar, unit="notebook") as bar:
        for path in bar:
            bar.set_description(path.stem)
            text = _executed(path, quick)
            if out is not None:
                write_text(out / path.name, text)
                written.append(out / path.name)
    return written


def _check_installed() -> None:
    try:
        import ipykernel  # noqa: F401
        import nbclient  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"Running notebooks needs {error.name}, which is not installed; "
            'pip install "tfp_flows[notebooks]".'
        ) from error


def _read(path: pathlib.Path) -> "NotebookNode":
    """A notebook, if its quick values are of parameters that it has."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    try:
        parameters.quick_values(notebook)
    except ValueError as error:
        raise ValueError(f"Notebook {path.name} cannot be run. {error}") from error
    return notebook


def _executed(path: pathlib.Path, quick: bool) -> str:
    """The text of a notebook with the outputs of its cells."""
    # Here, since only the `notebooks` extra brings them.
    import nbformat
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpecManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    notebook = _read(path)
    outputs.clear(notebook)
    # Without other folders of kernels, "python3" is the interpreter that runs this.
    manager = AsyncKernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=None,
        coalesce_streams=True,
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    # The package of this checkout, whichever is installed.
    search_path = [str(pathlib.Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]
    variables = {
        "PYTHONPATH": os.pathsep.join(filter(None, search_path)),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    values = parameters.quick_values(notebook) if quick else {}
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        try:
            with parameters.injected(notebook, values):
                client.execute(
                    cleanup_kc=True,
                    env={**os.environ, **variables},
                    stderr=log,
                    stdout=log,
                )
        except CellExecutionError as error:
            raise RuntimeError(
                f"Notebook {path.name} failed in code cell "
                f"{outputs.failed_cell(notebook)} with {error.ename}: "
                f"{error.evalue}. The file is as it was."
            ) from error
        except DeadKernelError as error:
            log.seek(0)
            raise RuntimeError(
                f"The kernel of notebook {path.name} died; the file is as it was. Its "
                f"last words were: {log.read()[-500:]}"
            ) from error
    outputs.tidy(notebook, None if quick else time.perf_counter() - started)
    return nbformat.writes(notebook) + "\n"
