"""Files written whole or not at all, and folders checked before long work."""

import contextlib
import csv
import io
import json
import os
import pathlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Opens a binary file that takes the place of `path` once it is complete.

    The content goes to a file beside `path`, which is moved there at the end; after an
    error, `path` is as it was.
    """
    path = pathlib.Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(partial, "xb") as file:
            yield file
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes `text` to `path`, replacing a file of that name as a whole."""
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


def write_json(path: str | os.PathLike, value: object) -> None:
    """Writes `value` as indented JSON; NaN and infinities raise `ValueError`."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_csv(
    path: str | os.PathLike, columns: Mapping[str, Sequence], *, digits: int = 7
) -> None:
    """Writes columns of numbers as CSV, below a line of their names.

    Args:
      path: file to write.
      columns: `dict`, name to numbers `[N]`, the same N for each.
      digits: significant digits of what is no `int`.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow(
            value if isinstance(value, int) else f"{value:.{digits}g}" for value in row
        )
    write_text(path, text.getvalue())


def prepare_folder(path: str | os.PathLike) -> pathlib.Path:
    """Makes the folder `path`, with parents; an OSError if it cannot be written to."""
    path = pathlib.Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise OSError(
            f"Cannot write to the output folder {path}: {error.strerror or error}; "
            "choose another one."
        ) from error
    return path
