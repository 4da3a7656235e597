"""Parameters of notebooks: the constants of one cell, with their values in quick runs.

The cell has the tag `parameters`; the metadata of the notebook hold, as
`{"tfp_flows": {"quick": {"num_steps": 20}}}`, what a quick run assigns after it.
"""

import ast
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # only the `notebooks` extra brings it
    from nbformat import NotebookNode

_TAG = "parameters"


def constants(notebook: "NotebookNode") -> dict[str, Any]:
    """What the cell of parameters assigns, by name; nothing without such a cell.

    Args:
      notebook: `NotebookNode`.

    Returns:
      Dictionary of constants.

    Raises:
      ValueError: if the cell holds anything but constants, each with one name.
    """
    cell = _cell(notebook)
    values = {}
    for node in ast.parse(cell.source).body if cell else ():
        try:
            (target,) = node.targets
            values[target.id] = ast.literal_eval(node.value)
        except (AttributeError, ValueError) as error:
            raise ValueError(
                "The cell of parameters is to assign constants alone, but has "
                f"{ast.unparse(node)!r}."
            ) from error
    return values


def quick_values(notebook: "NotebookNode") -> dict[str, Any]:
    """The parameters of quick runs.

    Args:
      notebook: `NotebookNode`.

    Returns:
      Dictionary of values by name; empty if a quick run is the same as a full one.

    Raises:
      ValueError: if the cell of parameters does not assign one of the names, or as
        `constants`.
    """
    values = notebook.metadata.get("tfp_flows", {}).get("quick", {})
    unknown = sorted(set(values) - set(constants(notebook)))
    if unknown:
        raise ValueError(
            f"The metadata have quick values of {', '.join(unknown)}, which no cell with "
            f"the tag {_TAG!r} assigns."
        )
    return values


@contextlib.contextmanager
def injected(notebook: "NotebookNode", values: dict[str, Any]) -> Iterator[None]:
    """Within, the cell of parameters ends with assignments of other values.

    Args:
      notebook: `NotebookNode`, whose source is as it was afterwards.
      values: by name; names that `constants` has.

    Yields:
      Nothing.
    """
    if not values:
        yield
        return
    cell = _cell(notebook)
    source = cell.source
    assignments = (f"{name} = {value!r}" for name, value in values.items())
    cell.source = "\n".join([source, *assignments])
    try:
        yield
    finally:
        cell.source = source


def _cell(notebook: "NotebookNode") -> "NotebookNode | None":
    tagged = (cell for cell in notebook.cells if _TAG in cell.metadata.get("tags", ()))
    return next(tagged, None)
