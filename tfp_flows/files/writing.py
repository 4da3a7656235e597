"""Files written whole or not at all, and folders checked before long work."""

import contextlib
import csv
import glob
import io
import json
import os
import pathlib
import secrets
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

# Seconds after which a part that nothing has written to is of a process that was killed.
_STALE = 3_600.0


def as_path(path: str | os.PathLike, name: str = "path") -> pathlib.Path:
    """`path` as a `pathlib.Path`; a TypeError or ValueError if it can be none."""
    if not isinstance(path, str | os.PathLike) or isinstance(os.fspath(path), bytes):
        raise TypeError(f"`{name}` must be a str or an os.PathLike, but got {path!r}.")
    if not os.fspath(path) or "\0" in os.fspath(path):
        raise ValueError(f"`{name}` must be a file or a folder, but got {path!r}.")
    return pathlib.Path(path)


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Opens a binary file that takes the place of `path` once it is complete.

    The content goes to a part, a file beside `path` with a name of its own, which is
    moved there at the end; after an error, `path` is as it was. Any number of threads and
    processes may write to one path: the last to finish wins. Parts of processes that were
    killed are removed when they are an hour old.

    Raises:
      OSError: if the file cannot be written, as when the disk is full; it names `path`.
    """
    path = as_path(path)
    remove_parts(path, older_than=_STALE)
    part = path.parent / f".{path.name}.{secrets.token_hex(8)}.part"
    try:
        with open(part, "xb") as file:
            try:
                yield file
                file.flush()
                # Some file systems only tell here that there is no room.
                os.fsync(file.fileno())
                file.close()
                os.replace(part, path)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
    except OSError as error:
        if error.filename not in (None, str(part)):
            raise  # of another file, which it names
        text = (
            f"Cannot write {path} ({error.strerror or error}); make room, or choose "
            "another place. An earlier file of that name is as it was."
        )
        # With its number, an error is of the class that belongs to it.
        numbered = (text,) if error.errno is None else (error.errno, text)
        raise OSError(*numbered) from error


def remove_parts(path: str | os.PathLike, *, older_than: float = 0.0) -> None:
    """Removes the parts that killed processes have left of `path`.

    Args:
      path: the file that was to be written.
      older_than: seconds since which nothing may have written to a part.
    """
    path = pathlib.Path(path)
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        # Another process may be first, and what may not be removed is in nobody's way.
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime >= older_than:
                part.unlink()


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


def prepare_folder(path: str | os.PathLike, name: str = "path") -> pathlib.Path:
    """Makes the folder `path`, with parents; an OSError if it cannot be written to."""
    path = as_path(path, name)
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


def prepare_file(
    path: str | os.PathLike, *, inputs: Sequence[str | os.PathLike] = ()
) -> pathlib.Path:
    """Makes the folder of the file `path`; an OSError if it cannot be written there.

    Args:
      path: file to write.
      inputs: files that are read, which it must not replace.

    Returns:
      `pathlib.Path`.
    """
    path = as_path(path)
    if path.is_dir():
        raise IsADirectoryError(
            f"{path} is a folder; give the name of the file to write, with its folder."
        )
    prepare_folder(path.parent)
    for file in inputs:
        if path.exists() and path.samefile(file):
            raise FileExistsError(
                f"{path} is read, and would be replaced; give another file to write."
            )
    return path
