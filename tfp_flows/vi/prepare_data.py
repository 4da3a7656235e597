"""From the data of a maximum-likelihood fit to its batches and held-out points."""

import hashlib
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows.types import Points
from tfp_flows.vi.arguments import check_optional_size
from tfp_flows.vi.batches import ArrayBatches, DatasetBatches, read_dataset
from tfp_flows.vi.data_arguments import (
    as_points,
    check_split,
    resolve_batch_size,
    split_points,
)


def prepare_data(
    flow: tfd.Distribution,
    data: Points,
    batch_size: int | None,
    validation_split: float | None,
    validation_data: Points | None,
    seed: tf.Tensor,
) -> tuple[ArrayBatches | DatasetBatches, np.ndarray, np.ndarray | None, dict[str, Any]]:
    """Checks the data and lays out batches and held-out points.

    Returns:
      The batches; the points that can be checked beforehand: all that are trained on, or
      the first batch of a dataset; the held-out points, or `None`; and what to record.
    """
    batch_size = check_optional_size("batch_size", batch_size)
    check_split(validation_split, validation_data)
    batches: ArrayBatches | DatasetBatches
    held_out = None
    if validation_data is not None:
        held_out = _read(flow, validation_data, "validation_data")
    if isinstance(data, tf.data.Dataset):
        for name, value in (
            ("batch_size", batch_size),
            ("validation_split", validation_split or None),
        ):
            if value is not None:
                raise ValueError(
                    f"`{name}` is for arrays, but `data` is a tf.data.Dataset; "
                    "batch it with .batch, and hold points out with `validation_data`."
                )
        batches = DatasetBatches(flow, data)
        points, num_points = batches.first, None
    else:
        points = _read(flow, data, "data")
        split_seed, batch_seed = tfp.random.split_seed(seed, n=2, salt="likelihood")
        if held_out is None:
            points, held_out = split_points(points, validation_split, split_seed)
        num_points = len(points)
        batch_size = resolve_batch_size(batch_size, num_points)
        batches = ArrayBatches(points, batch_size, batch_seed)
    settings = dict(
        batch_size=batches.batch_size,
        num_points=num_points,
        num_validation_points=0 if held_out is None else len(held_out),
        data_checksum=_checksum(points, held_out),
    )
    return batches, points, held_out, settings


def _read(flow: tfd.Distribution, data: Points, name: str) -> np.ndarray:
    """All points, `[N, *event_shape]`, N >= 1."""
    if isinstance(data, tf.data.Dataset):
        data = read_dataset(flow, data, name)
    points = as_points(flow, data, name)
    if len(points) == 0:
        raise ValueError(f"`{name}` has no points; pass at least one.")
    return points


def _checksum(*arrays: np.ndarray | None) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(array.tobytes())
    return digest.hexdigest()[:16]
