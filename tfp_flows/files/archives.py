"""Files of plain arrays, `.npz`, read as if a stranger had written them.

`np.load` evaluates the headers of arrays as Python literals, takes the memory that they
declare before it looks how long the file is, and advises to allow pickles where it
refuses. Here headers must be as NumPy writes them, and the memory is that of the file.
"""

import dataclasses
import errno
import json
import math
import os
import re
import reprlib
import struct
import zipfile
import zlib
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from tfp_flows.files.writing import as_path, replacing

# Compressed images may be this many times as large as their file.
_MAX_RATIO = 100
_MAX_METADATA = 1_000_000  # bytes
_MAX_NDIM = 32
_HEADER = re.compile(
    rb"\{'descr': '([^']*)', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18})?)\),? ?\}\s*"
)
_DTYPE = re.compile(rb"[<>|](b1|[iu][1248]|f[248]|c8|c16|[SU]\d{1,9})")


class InvalidFileError(ValueError):
    """A file that is of another kind, damaged, or of a version that is not known."""


@dataclasses.dataclass(frozen=True)
class Format:
    """A kind of files: arrays by name, and metadata.

    Attributes:
      name: what the metadata call it.
      versions: those that are read.
      is_not: what a file is that is none, for messages.
      advice: what to do then, a clause.
    """

    name: str
    versions: Collection[int]
    is_not: str
    advice: str

    def write(
        self,
        path: str | os.PathLike,
        metadata: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray],
    ) -> None:
        """Writes a file, which replaces one of that name whole or not at all.

        Args:
          path: the file.
          metadata: plain values; stored as JSON in the array `metadata`.
          arrays: those of bfloat16, which NumPy cannot store, become float32.
        """
        stored = {
            name: array.astype(np.float32) if array.dtype.kind == "V" else array
            for name, array in arrays.items()
        }
        stored["metadata"] = np.array(json.dumps(dict(metadata, format=self.name)))
        with replacing(path) as file:
            np.savez(file, **stored)  # type: ignore[arg-type]

    def read(
        self, path: str | os.PathLike
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Metadata and arrays of a file that `write` wrote.

        Raises:
          OSError: if the file cannot be read.
          InvalidFileError: if it is no such file.
        """
        try:
            arrays = read_arrays(path)
            metadata = _parse(arrays.pop("metadata", None))
        except InvalidFileError as error:
            raise self.invalid(path, error) from error
        name, version = metadata["format"], metadata["version"]
        if name != self.name or version not in self.versions:
            raise InvalidFileError(
                f"{path} has format {reprlib.repr(name)} version {version}, but this "
                f"version of tfp_flows reads {self.name!r} up to {max(self.versions)}; "
                f"{self.advice}."
            )
        return metadata, arrays

    def invalid(self, path: str | os.PathLike, reason: object) -> InvalidFileError:
        """The error of a file that is no such file."""
        return InvalidFileError(
            f"{path} is {self.is_not}, or is damaged ({reason}); {self.advice}."
        )


def read_arrays(
    path: str | os.PathLike,
    *,
    names: Collection[str] | None = None,
    compressed: bool = False,
) -> dict[str, np.ndarray]:
    """Arrays of an `.npz` file: of numbers, truth values or text.

    Args:
      path: the file.
      names: those to read, of which some may be missing; `None` reads all.
      compressed: whether they may be, as by `np.savez_compressed`, up to a hundredfold.

    Returns:
      Dict of arrays that cannot be written to.

    Raises:
      OSError: if the file cannot be read.
      InvalidFileError: if it is anything else; the message is the reason alone.
    """
    path = as_path(path)
    if path.exists() and not path.is_file():
        raise InvalidFileError("it is no regular file")
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = _members(archive, names, _MAX_RATIO if compressed else 1)
                return {
                    name: _array(name, _content(archive, info))
                    for name, info in members.items()
                }
        except InvalidFileError:
            raise
        # All that zipfile raises for content of any kind.
        except (
            zipfile.BadZipFile,
            zlib.error,
            struct.error,
            ArithmeticError,
            EOFError,
            RuntimeError,
            ValueError,
        ) as error:
            raise InvalidFileError(str(error) or "it ends too early") from error
        except OSError as error:
            if error.errno != errno.EINVAL:  # of an offset in the file, not of reading it
                raise
            raise InvalidFileError("it points to what is not in it") from error


def _members(
    archive: zipfile.ZipFile, names: Collection[str] | None, max_ratio: int
) -> dict[str, zipfile.ZipInfo]:
    """Array name = member, of those that are to be read."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if names is not None and name not in names:
            continue
        if name == info.filename or name in members:
            raise InvalidFileError(f"{reprlib.repr(name)} is no array, or there twice")
        members[name] = info
    # Members may overlap, and say what they like: their sum counts, and the file itself.
    length = os.fstat(archive.fp.fileno()).st_size  # type: ignore[union-attr]
    total = sum(info.file_size for info in members.values())
    if total > max_ratio * length:
        raise InvalidFileError(
            f"its arrays are said to have {total:,} bytes, too many for a file of "
            f"{length:,}"
        )
    return members


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The bytes of a member, no more than it is said to have."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InvalidFileError("it is compressed otherwise than by NumPy")
    with archive.open(info) as member:
        content = member.read(info.file_size)
    if len(content) != info.file_size:
        raise InvalidFileError("it ends in the middle of an array")
    return content


def _array(name: str, content: bytes) -> np.ndarray:
    """The array of the bytes of an `.npy` file."""
    what = f"array {reprlib.repr(name)}"
    size_of_length = {1: 2, 2: 4}.get(content[6] if len(content) > 10 else 0)
    if not content.startswith(b"\x93NUMPY") or size_of_length is None:
        raise InvalidFileError(f"{what} is not in NumPy's format")
    start = 8 + size_of_length
    end = start + int.from_bytes(content[8:start], "little")
    header = _HEADER.fullmatch(content[start:end])
    if header is None:
        raise InvalidFileError(f"{what} has no header of NumPy's for plain arrays")
    if _DTYPE.fullmatch(header[1]) is None:
        raise InvalidFileError(
            f"{what} is of type {reprlib.repr(header[1].decode('latin-1'))}, not of "
            "numbers or text"
        )
    dtype = np.dtype(header[1].decode())
    shape = [int(size) for size in header[3].replace(b" ", b"").split(b",") if size]
    if len(shape) > _MAX_NDIM or math.prod(shape) * dtype.itemsize != len(content) - end:
        raise InvalidFileError(
            f"{what} is said to be {dtype.name} of shape {reprlib.repr(shape)}, but has "
            f"{len(content) - end:,} bytes"
        )
    array = np.frombuffer(content, dtype, offset=end)
    array = array.reshape(shape, order="F" if header[2] == b"True" else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _parse(text: np.ndarray | None) -> dict[str, Any]:
    """The metadata of their array."""
    if text is None or text.dtype.kind != "U" or text.ndim:
        raise InvalidFileError("it has no text `metadata`")
    if text.nbytes > _MAX_METADATA:
        raise InvalidFileError(f"its `metadata` are of {text.nbytes:,} bytes")
    try:
        metadata = json.loads(str(text))
    except (ValueError, RecursionError) as error:
        raise InvalidFileError(f"its `metadata` is no JSON: {error}") from error
    if not isinstance(metadata, dict) or "format" not in metadata:
        raise InvalidFileError("its `metadata` does not name a format")
    if type(metadata.get("version")) is not int:
        raise InvalidFileError("its `metadata` has no number of a version")
    return metadata
