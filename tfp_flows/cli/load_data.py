"""Posteriors of data in files, by functions of the user's modules."""

import pathlib
from typing import Any

import numpy as np

from tfp_flows.cli.load_target import load_attribute
from tfp_flows.density import RowwisePosterior
from tfp_flows.types import PathLike


def load_posterior(spec: str, path: PathLike) -> RowwisePosterior:
    """The posterior that a function makes of data.

    Args:
      spec: "module:function", of the data to a `RowwisePosterior`.
      path: as `read_data` takes it.

    Raises:
      ValueError: if the attribute is missing or no function, or returns something else;
        or as `read_data`.
      OSError: if the file cannot be read.
      ImportError, UserModuleError: as `load_target`.
    """
    data = read_data(path)
    build_fn = load_attribute(spec)
    posterior = build_fn(data) if callable(build_fn) else build_fn
    if not isinstance(posterior, RowwisePosterior):
        raise ValueError(
            f"{spec!r} must be a function of the data that returns a tff.density."
            f"RowwisePosterior, but it is or returns {type(posterior).__name__}."
        )
    return posterior


def read_data(path: PathLike) -> Any:
    """An array of a file .npy, or a `dict` of those of a file .npz or .csv.

    A CSV file has names in its first line, and numbers in all others; each column is an
    array `[N]`.

    Raises:
      ValueError: if it is no such file.
      OSError: if it cannot be read.
    """
    path = pathlib.Path(path)
    if path.suffix == ".csv":
        with path.open(encoding="utf-8") as file:
            names = [name.strip() for name in file.readline().split(",")]
            table = _read(path, np.loadtxt, file, delimiter=",", ndmin=2)
        if table.shape[1] != len(names):
            raise ValueError(
                f"{path} has {len(names)} names in its first line, but "
                f"{table.shape[1]} numbers in the others."
            )
        return dict(zip(names, table.T, strict=True))
    if path.suffix not in (".npy", ".npz"):
        raise ValueError(f"{path} must be a file .npy, .npz or .csv.")
    found = _read(path, np.load, path, allow_pickle=False)
    if path.suffix == ".npy":
        return found
    with found:
        return {name: _read(path, found.__getitem__, name) for name in found.files}


def _read(path: pathlib.Path, read_fn: Any, *args: Any, **settings: Any) -> Any:
    try:
        return read_fn(*args, **settings)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} cannot be read as numbers: {error}") from error
