"""From the data of a maximum-likelihood fit to its batches and held-out points."""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
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
)
from tfp_flows.vi.weighted_points import WeightedPoints, split_points, weigh_points


def prepare_data(
    flow: tfd.Distribution,
    data: Points,
    *,
    sample_weight: npt.ArrayLike | None,
    batch_size: int | None,
    validation_split: float | None,
    validation_data: Points | None,
    validation_sample_weight: npt.ArrayLike | None,
    seed: tf.Tensor,
) -> tuple[
    ArrayBatches | DatasetBatches, WeightedPoints, WeightedPoints | None, dict[str, Any]
]:
    """Checks the data and lays out batches and held-out points; see the objective.

    Returns:
      The batches; the points that can be checked beforehand: all that are trained on, or
      the first batch of a dataset; the held-out points, or `None`; and what to record.
    """
    batch_size = check_optional_size("batch_size", batch_size)
    check_split(validation_split, validation_data)
    batches: ArrayBatches | DatasetBatches
    held_out = None
    if validation_data is not None:
        points = _read(flow, validation_data, "validation_data")
        held_out = weigh_points(
            points, validation_sample_weight, "validation_sample_weight"
        )
    elif validation_sample_weight is not None:
        raise ValueError(
            "`validation_sample_weight` is of the points of `validation_data`, but there "
            "are none; with a split, `sample_weight` is split like the points."
        )
    if isinstance(data, tf.data.Dataset):
        for name, value in (
            ("batch_size", batch_size),
            ("validation_split", validation_split or None),
            ("sample_weight", sample_weight),
        ):
            if value is not None:
                raise ValueError(
                    f"`{name}` is for arrays, but `data` is a tf.data.Dataset; "
                    "batch it with .batch, hold points out with `validation_data`, and "
                    "for weights in its batches take tff.models.FlowModel."
                )
        batches = DatasetBatches(flow, data)
        training, num_points = WeightedPoints(batches.first), None
    else:
        training = weigh_points(_read(flow, data, "data"), sample_weight, "sample_weight")
        split_seed, batch_seed = tfp.random.split_seed(seed, n=2, salt="likelihood")
        if held_out is None:
            training, held_out = split_points(training, validation_split, split_seed)
        num_points = len(training)
        batch_size = resolve_batch_size(batch_size, num_points)
        batches = ArrayBatches(training, batch_size, batch_seed)
    arrays = [training.points, training.weights]
    if held_out is not None:
        arrays += [held_out.points, held_out.weights]
    settings = dict(
        batch_size=batches.batch_size,
        num_points=num_points,
        num_validation_points=0 if held_out is None else len(held_out),
        data_checksum=_checksum(*arrays),
    )
    return batches, training, held_out, settings


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
