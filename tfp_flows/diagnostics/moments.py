"""Errors of averages over draws of a flow that are not weighted."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.density.checks import first_line

Quantities: TypeAlias = Mapping[str, npt.ArrayLike]
QuantitiesFn: TypeAlias = Callable[[tf.Tensor], Quantities]


@dataclasses.dataclass(frozen=True)
class MomentErrors:
    """By how much means and standard deviations of q are off, as its weights tell.

    All are lists over the numbers that are averaged: the D coordinates, or the
    `quantities_fn` of `tff.diagnostics.evaluate`.

    Attributes:
      names: of the numbers.
      mean: (E_q[x] - E_p[x]) / sd_p[x].
      mean_standard_error: of these.
      sd: log(sd_q[x] / sd_p[x]).
      sd_standard_error: of these.
    """

    names: list[str]
    mean: list[float]
    mean_standard_error: list[float]
    sd: list[float]
    sd_standard_error: list[float]

    def __str__(self) -> str:
        mean, sd = np.max(np.abs(self.mean)), np.max(np.abs(self.sd))
        return f"means off by at most {mean:.2g} sd, sd by {np.expm1(sd):.1%}"


def quantities_of(quantities_fn: QuantitiesFn | None, x: np.ndarray) -> Quantities:
    """What is averaged over samples.

    Args:
      quantities_fn: as of `evaluate`; `None` is the coordinates.
      x: `[S, D]` array.

    Returns:
      Dict, name = float64 array `[S, ...]`.

    Raises:
      TypeError: if `quantities_fn` is no function, or returns no dict of real numbers.
      ValueError: if it fails, or returns another number of them.
    """
    if quantities_fn is None:
        return dict(x=x)
    numerics.check_callable(
        "quantities_fn",
        quantities_fn,
        "a function of samples [S, D] to a dict of arrays [S, ...], or None",
    )
    try:
        found = quantities_fn(tf.constant(x))
    except Exception as error:  # whatever a function of the caller's raises
        raise ValueError(
            f"`quantities_fn` failed for samples of shape {x.shape}: {first_line(error)}"
        ) from error
    if not isinstance(found, Mapping) or not found:
        raise TypeError(
            f"`quantities_fn` must return a dict, name = array [S, ...], but returned "
            f"{found!r}."
        )
    arrays = {}
    for name, value in found.items():
        array = numerics.as_array(f"quantities_fn(x)[{name!r}]", value)
        if array.dtype.kind in "cmMOSU":
            raise TypeError(
                f"`quantities_fn` must return real numbers, but {name!r} is of dtype "
                f"{array.dtype}."
            )
        if array.shape[:1] != x.shape[:1]:
            raise ValueError(
                f"`quantities_fn` must return arrays [S, ...], but for {len(x)} samples "
                f"{name!r} has shape {array.shape}."
            )
        arrays[name] = array.astype(np.float64)
    return arrays


def columns_of(draws: Mapping[str, npt.ArrayLike]) -> tuple[list[str], np.ndarray]:
    """Names of all numbers, and their draws in float64.

    Args:
      draws: name = array `[S, *shape]`.

    Returns:
      List of P names, "name" or "name[0, 1]", and an array `[S, P]`.
    """
    names: list[str] = []
    columns = []
    for name, values in draws.items():
        array = np.asarray(values, np.float64)
        names += [
            f"{name}[{', '.join(map(str, index))}]" if index else name
            for index in np.ndindex(*array.shape[1:])
        ]
        columns.append(np.reshape(array, [len(array), -1]))
    return names, np.concatenate(columns, axis=1)


def moment_errors(
    batches: Iterable[Mapping[str, npt.ArrayLike]], log_weights: np.ndarray
) -> MomentErrors:
    """Compares averages over the same samples, without their weights and with them.

    Args:
      batches: of draws of q, name = array `[B, *shape]` each; together S draws.
      log_weights: `[S]` array, -inf outside the support of p.

    Returns:
      `MomentErrors`. Standard errors are of the differences, by the delta method: they
      vanish where the weights are equal. The mean of a number that is infinite or NaN at
      a sample is infinitely far off.
    """
    names, moments = _mean_products(batches, log_weights)
    is_finite = np.all(np.isfinite(moments), axis=(0, 1))
    # Numbers that are all equal have no errors.
    moments = np.where(is_finite & (moments[0, 2] > 0.0), moments, 0.0)
    (mean_q, mean_p), squares = moments[:2, 1], moments[:2, 2]
    least = np.finfo(np.float64).eps * np.max(squares, axis=0)
    least = np.where(least > 0.0, least, 1.0)
    variance_q, variance_p = np.maximum(squares - moments[:2, 1] ** 2, least)
    sd_p = np.sqrt(variance_p)
    mean = (mean_q - mean_p) / sd_p
    # What each sample adds to log sd_p, and to the errors, by the delta method: factors
    # of w^a y^b.
    to_sd_p = {
        (1, 2): 0.5 / variance_p,
        (1, 1): -mean_p / variance_p,
        (1, 0): 0.5 * (mean_p**2 / variance_p - 1.0),
    }
    to_sd = {power: -factor for power, factor in to_sd_p.items()}
    to_sd |= {(0, 2): 0.5 / variance_q, (0, 1): -mean_q / variance_q}
    to_mean = {power: -mean * factor for power, factor in to_sd_p.items()}
    to_mean[0, 1] = 1.0 / sd_p
    to_mean[1, 1] -= 1.0 / sd_p
    to_mean[1, 0] += mean_p / sd_p
    root = np.sqrt(len(log_weights))
    return MomentErrors(
        names=names,
        mean=np.where(is_finite, mean, np.inf).tolist(),
        mean_standard_error=(_deviation(to_mean, moments) / root).tolist(),
        sd=(0.5 * np.log(variance_q / variance_p)).tolist(),
        sd_standard_error=(_deviation(to_sd, moments) / root).tolist(),
    )


def _mean_products(
    batches: Iterable[Mapping[str, npt.ArrayLike]], log_weights: np.ndarray
) -> tuple[list[str], np.ndarray]:
    """Means over draws of w^a y^b, for weights w of mean 1 and standardised numbers y.

    Returns:
      The names of the P numbers, and the means, `[3, 5, P]`, for a <= 2 and b <= 4: not
      finite where a number is not.
    """
    weights = np.exp(log_weights - np.max(log_weights))
    weights = weights / np.mean(weights)
    num_done, total = 0, np.zeros([3, 5, 1])
    for draws in batches:
        names, x = columns_of(draws)
        w = weights[num_done : num_done + len(x)] ** np.arange(3)[:, np.newaxis]
        with np.errstate(over="ignore", invalid="ignore"):
            if num_done == 0:
                # Large values would cancel in squares; the median of equal ones is exact.
                center = np.median(x[:1_000], axis=0)
                scale = np.max(np.abs(x - center), axis=0)
                scale = np.where(scale > 0.0, scale, 1.0)
            y, power, sums = (x - center) / scale, np.ones_like(x), []
            for _ in range(5):
                sums.append(w @ power)
                power = power * y
            total = total + np.stack(sums, axis=1)
        num_done += len(x)
    return names, total / num_done


def _deviation(
    factors: Mapping[tuple[int, int], np.ndarray], moments: np.ndarray
) -> np.ndarray:
    """Standard deviation of the sum of `factors[a, b]` w^a y^b, by its moments."""
    mean = sum(factor * moments[power] for power, factor in factors.items())
    square = sum(
        first * second * moments[a + c, b + d]
        for (a, b), first in factors.items()
        for (c, d), second in factors.items()
    )
    return np.sqrt(np.maximum(square - mean**2, 0.0))
