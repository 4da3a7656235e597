"""Samples of a flow as files."""

import functools
import os
import pathlib
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.files import prepare_file, replacing, write_csv


def sample_writer(
    path: str | os.PathLike, *, inputs: Sequence[str | os.PathLike] = ()
) -> Callable[..., None]:
    """Checks `path`, before any work, and returns the function that writes there.

    Args:
      path: file to write; its ending, `.csv` or `.npz`, is the format.
      inputs: files that are read, which it must not replace.

    Returns:
      Callable, `(flow, num_samples, seed)`: writes the samples and their log densities,
      `x1, ..., xD, log_prob` per line or the arrays `x` and `log_prob`. A batch of flows
      has no lines: it raises a ValueError for `.csv`.

    Raises:
      OSError: if the folder of `path` cannot be written to.
      ValueError: if the ending is unknown.
    """
    path = pathlib.Path(path)
    if path.suffix not in (".csv", ".npz"):
        raise ValueError(
            f"Samples are written as .csv or .npz, but the file is {path.name!r}; give "
            "--out one of these endings."
        )
    prepare_file(path, inputs=inputs)
    return functools.partial(_write_samples, path)


def _write_samples(
    path: pathlib.Path, flow: tfp.distributions.Distribution, num_samples: int, seed: int
) -> None:
    num_samples = numerics.check_size("num_samples", num_samples)
    if path.suffix == ".csv" and flow.batch_shape.rank != 0:
        raise ValueError(
            f"A .csv has one point per line, but the flow is a batch of shape "
            f"{flow.batch_shape}; give --out the ending .npz, for arrays of shapes "
            f"[{num_samples}, *batch, D] and [{num_samples}, *batch], or save one flow "
            "of the batch."
        )
    x, log_prob = flow.experimental_sample_and_log_prob(
        num_samples, seed=numerics.stateless_seed(seed)
    )
    x, log_prob = x.numpy(), log_prob.numpy()
    if path.suffix == ".npz":
        with replacing(path) as file:
            np.savez(file, x=x, log_prob=log_prob)
    else:
        columns = {f"x{d}": column for d, column in enumerate(x.T, start=1)}
        write_csv(path, dict(columns, log_prob=log_prob), digits=9)
