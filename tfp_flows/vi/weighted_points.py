"""Points with weights, and how they are split."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows import numerics

# Default share of the points that is held out.
_HELD_OUT = 0.1


@dataclasses.dataclass(frozen=True)
class WeightedPoints:
    """Points, and how much each counts.

    Attributes:
      points: `[N, *event_shape]` array.
      weights: `[N]` float64 array of mean 1; `None` is equal ones.
    """

    points: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.points)

    def rows(self, rows: np.ndarray) -> "WeightedPoints":
        """Some of the points, whose weights have a mean of 1 again."""
        if self.weights is None:
            return WeightedPoints(self.points[rows])
        return WeightedPoints(self.points[rows], _normalized(self.weights[rows]))


def weigh_points(points: np.ndarray, weights: Any, name: str) -> WeightedPoints:
    """Points with weights, without those of weight 0.

    Raises:
      TypeError: if the weights are no real numbers.
      ValueError: if they are not one for each point, finite, at least 0, and one above 0.
    """
    if weights is None:
        return WeightedPoints(points)
    weights = numerics.check_weights(
        "The fit", weights, len(points), name=name, are_all=True
    )
    weights = weights.reshape(-1).astype(np.float64)
    return WeightedPoints(points, weights).rows(weights > 0.0)


def _normalized(weights: np.ndarray) -> np.ndarray:
    weights = weights / np.max(weights)  # the sum of large ones overflows
    return weights / np.mean(weights)


def split_points(
    points: WeightedPoints, validation_split: float | None, seed: tf.Tensor
) -> tuple[WeightedPoints, WeightedPoints | None]:
    """Points to train on, and a random share held out, or `None` if the share is 0.

    Raises:
      ValueError: if one of the two would be empty.
    """
    if validation_split == 0.0:
        return points, None
    share = _HELD_OUT if validation_split is None else validation_split
    num_held_out = round(share * len(points))
    if not 0 < num_held_out < len(points):
        which = "validation" if num_held_out == 0 else "training"
        raise ValueError(
            f"A validation split of {share:g} of {len(points)} points leaves none for "
            f"{which}; pass more points, another `validation_split` (0 holds none out), "
            "or `validation_data`."
        )
    order = tf.random.experimental.stateless_shuffle(tf.range(len(points)), seed).numpy()
    return points.rows(order[num_held_out:]), points.rows(order[:num_held_out])
