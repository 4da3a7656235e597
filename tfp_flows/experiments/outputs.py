"""What experiments leave in their folder: results, with what they were made with."""

import contextlib
import dataclasses
import importlib.metadata
import os
import pathlib
import platform
from collections.abc import Callable, Iterator
from typing import Any

from tfp_flows.files import locked, prepare_folder, write_json, write_text
from tfp_flows.version import __version__

_PACKAGES = ("tensorflow", "tensorflow-probability", "keras", "numpy", "arviz")


@contextlib.contextmanager
def new_folder(
    out: str | os.PathLike, result: str, *, overwrite: bool = False
) -> Iterator[pathlib.Path]:
    """A context with the folder of an experiment, which no other one writes to.

    Args:
      out: folder, made if need be.
      result: name of the file that takes the work.
      overwrite: whether it may be replaced.

    Yields:
      `pathlib.Path`.

    Raises:
      FileExistsError: if there is such a file already and not `overwrite`.
      BlockingIOError: if another experiment is writing it.
      OSError: if `out` cannot be written to.
    """
    out = check_folder(out, result, overwrite=overwrite)
    with locked(out / result):
        # Again: the one before may just have ended.
        yield check_folder(out, result, overwrite=overwrite)


def check_folder(out: str | os.PathLike, result: str, *, overwrite: bool) -> pathlib.Path:
    """Makes the folder of `new_folder`, and raises its errors, but for the lock."""
    out = prepare_folder(out, "out")
    if (out / result).exists() and not overwrite:
        raise FileExistsError(
            f"{out / result} exists already; pass another folder with --out, or "
            "--overwrite to replace it."
        )
    return out


def write_results(
    path: pathlib.Path,
    config: Any,
    *,
    table: Callable[[dict[str, Any]], str] | None = None,
    **results: Any,
) -> dict[str, Any]:
    """Writes results as JSON, with what they were made with.

    Args:
      path: the JSON file.
      config: dataclass, what was run.
      table: callable, the content of the file to Markdown, which is written beside it;
        `None` writes none.
      **results: plain values.

    Returns:
      The content of the file, a `dict`.
    """
    results = dict(
        config=dataclasses.asdict(config), environment=describe_environment(), **results
    )
    write_json(path, results)
    if table is not None:
        write_text(path.with_suffix(".md"), table(results))
    return results


def describe_environment() -> dict[str, Any]:
    """Versions and machine, as a `dict` of plain values."""
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return dict(
        tfp_flows=__version__,
        python=platform.python_version(),
        machine=platform.machine(),
        cpus=os.cpu_count(),
        **versions,
    )
