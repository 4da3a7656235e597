"""Errors of averages over draws of a flow that are not weighted."""

import dataclasses
from collections.abc import Callable, Mapping
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
    draws: Mapping[str, npt.ArrayLike], log_weights: np.ndarray
) -> MomentErrors:
    """Compares averages over the same samples, without their weights and with them.

    Args:
      draws: name = array `[S, *shape]`, of q.
      log_weights: `[S]` array, -inf outside the support of p.

    Returns:
      `MomentErrors`. Standard errors are of the differences, by the delta method: they
      vanish where the weights are equal. The mean of a number that is infinite or NaN at
      a sample is infinitely far off.
    """
    names, x = columns_of(draws)
    is_finite = np.all(np.isfinite(x), axis=0)
    x = np.where(is_finite, x, 0.0)
    # Differences from the mean, so that large values do not cancel in the squares.
    x = x - np.mean(x, axis=0)
    weights = np.exp(log_weights - np.max(log_weights))
    weights = (weights / np.mean(weights))[:, np.newaxis]
    mean_p = np.mean(weights * x, axis=0)
    variance_q = np.maximum(np.var(x, axis=0), np.finfo(np.float64).tiny)
    square_p = (x - mean_p) ** 2
    variance_p = np.maximum(
        np.mean(weights * square_p, axis=0), np.finfo(np.float64).tiny
    )
    sd_p = np.sqrt(variance_p)
    mean = -mean_p / sd_p
    # What each sample adds to log sd_p, and to the errors, by the delta method.
    to_sd_p = 0.5 * weights * (square_p / variance_p - 1.0)
    to_sd = 0.5 * (x**2 / variance_q - 1.0) - to_sd_p
    to_mean = (x - weights * (x - mean_p)) / sd_p - mean * to_sd_p
    root = np.sqrt(len(x))
    return MomentErrors(
        names=names,
        mean=np.where(is_finite, mean, np.inf).tolist(),
        mean_standard_error=(np.std(to_mean, axis=0) / root).tolist(),
        sd=(0.5 * np.log(variance_q / variance_p)).tolist(),
        sd_standard_error=(np.std(to_sd, axis=0) / root).tolist(),
    )
