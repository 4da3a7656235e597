"""What is stored of an executed notebook: little, and alike anywhere but for its time."""

import base64
import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # only the `notebooks` extra brings it
    from nbformat import NotebookNode

# What TensorFlow's C++ parts log on start-up, which no variable turns off.
_STARTUP_LOG = re.compile(r"(WARNING: All log messages before absl|I0000 00:00:).*\n?")
_METADATA = dict(
    kernelspec=dict(display_name="Python 3", language="python", name="python3"),
    language_info=dict(name="python", pygments_lexer="ipython3"),
)
# The paragraph below the title; all times are of two cores.
_RUN_TIME = re.compile(r"\*Takes about .+ on two cores\.\*")


def clear(notebook: "NotebookNode") -> None:
    """Removes the outputs of a `NotebookNode`."""
    for cell in _code_cells(notebook):
        cell.outputs, cell.execution_count = [], None


def tidy(notebook: "NotebookNode", seconds: float | None) -> None:
    """Removes versions, TensorFlow's start-up log, and half the size of pictures.

    Args:
      notebook: executed `NotebookNode`, changed in place.
      seconds: what the run took, for its metadata and the line below its title; `None`
        leaves both as they are.
    """
    notes = dict(notebook.metadata.get("tfp_flows", {}))
    if seconds is not None:
        notes["seconds"] = round(seconds)
        _show_run_time(notebook, notes["seconds"])
    notebook.metadata.clear()
    notebook.metadata.update(_METADATA, tfp_flows=notes)
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata.clear()
        if tags:
            cell.metadata["tags"] = tags
    for cell in _code_cells(notebook):
        cell.outputs = [output for output in cell.outputs if not _is_log(output)]
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = _with_palette(output.data["image/png"])


def run_time(seconds: int) -> str:
    """The line that says what a run takes, roughly, as machines are not alike."""
    if seconds < 55:
        duration = f"{10 * max(1, round(seconds / 10))} seconds"
    else:
        minutes = round(seconds / 60)
        duration = "a minute" if minutes == 1 else f"{minutes} minutes"
    return f"*Takes about {duration} on two cores.*"


def failed_cell(notebook: "NotebookNode") -> int:
    """The number of the first code cell that raised, from 1; 0 if none did."""
    for number, cell in enumerate(_code_cells(notebook), start=1):
        if any(output.output_type == "error" for output in cell.outputs):
            return number
    return 0


def _code_cells(notebook: "NotebookNode") -> "list[NotebookNode]":
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _show_run_time(notebook: "NotebookNode", seconds: int) -> None:
    """Writes the line below the title, in place of one that is there."""
    first = next(iter(notebook.cells), None)
    if first is None or first.cell_type != "markdown":
        return
    title, *paragraphs = first.source.split("\n\n")
    if paragraphs and _RUN_TIME.fullmatch(paragraphs[0]):
        del paragraphs[0]
    first.source = "\n\n".join([title, run_time(seconds), *paragraphs])


def _is_log(output: "NotebookNode") -> bool:
    is_stderr = output.output_type == "stream" and output.name == "stderr"
    return is_stderr and not _STARTUP_LOG.sub("", output.text).strip()


def _with_palette(png: str) -> str:
    """A PNG in Base64 with 256 colours: a density on white has few more."""
    from PIL import Image

    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    file = io.BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(file, "png", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")
