"""Samples of a flow as files."""

import functools
import pathlib

import numpy as np

from tfp_flows import numerics
from tfp_flows.files import prepare_folder, replacing


def sample_writer(path):
    """Checks `path`, before any work, and returns the function that writes there.

    Args:
      path: file to write; its ending, `.csv` or `.npz`, is the format.

    Returns:
      Callable, `(flow, num_samples, seed)`: writes the samples and their log densities,
      `x1, ..., xD, log_prob` per line or the arrays `x` and `log_prob`.

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
    prepare_folder(path.parent)
    return functools.partial(_write_samples, path)


def _write_samples(path, flow, num_samples, seed):
    num_samples = numerics.check_size("num_samples", num_samples)
    x, log_prob = flow.experimental_sample_and_log_prob(
        num_samples, seed=numerics.stateless_seed(seed)
    )
    x, log_prob = x.numpy(), log_prob.numpy()
    with replacing(path) as file:
        if path.suffix == ".npz":
            np.savez(file, x=x, log_prob=log_prob)
            return
        names = [f"x{d + 1}" for d in range(x.shape[-1])]
        header = ",".join([*names, "log_prob"])
        table = np.concatenate([x, log_prob[:, np.newaxis]], axis=-1)
        np.savetxt(file, table, "%.9g", delimiter=",", header=header, comments="")
