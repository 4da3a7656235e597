"""Checks of what a run of chains is given, before anything is compiled."""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.density import Density

BURNIN = "burnin"


def check_run(
    num_chains: int,
    num_samples: int,
    num_burnin: int,
    initial_state: Any,
    thinning: int,
    jit_compile: bool,
) -> dict[str, Any]:
    """The settings that the samplers in the space of a flow have in common, checked."""
    return dict(
        num_chains=numerics.check_size("num_chains", num_chains),
        num_samples=numerics.check_size("num_samples", num_samples),
        num_burnin=numerics.check_size("num_burnin", num_burnin, least=0),
        initial_state="given" if initial_state is not None else "drawn",
        thinning=numerics.check_size("thinning", thinning),
        jit_compile=numerics.check_flag("jit_compile", jit_compile),
    )


def check_in_range(name: str, values: float | list[float], dtype: tf.DType) -> None:
    """Raises ValueError unless positive numbers are such in `dtype`, too."""
    with np.errstate(over="ignore", under="ignore"):
        cast = np.asarray(values).astype(dtype.as_numpy_dtype).astype(np.float64)
    if not np.all((cast > 0.0) & np.isfinite(cast)):
        raise ValueError(
            f"`{name}` must be finite and > 0 in {dtype.name}, but got {values!r}."
        )


def check_parameter_scales(
    scales: npt.ArrayLike | str | None, event_size: int, num_burnin: int
) -> list[float] | str | None:
    """`None`, `"burnin"`, or a list of D positive numbers; else a ValueError."""
    if scales is None:
        return None
    if isinstance(scales, str):
        if scales != BURNIN or num_burnin == 0:
            raise ValueError(
                f"`parameter_scales` must be None, {BURNIN!r} with `num_burnin` above 0, "
                f"or D numbers, but got {scales!r} with num_burnin={num_burnin}."
            )
        return scales
    try:
        array = numerics.as_array("parameter_scales", scales).astype(np.float64)
        is_good = array.shape == (event_size,) and np.all(array > 0.0)
    except (TypeError, ValueError):
        is_good = False
    if not is_good or not np.all(np.isfinite(array)):
        raise ValueError(
            "`parameter_scales` must be finite numbers > 0, one for each of D = "
            f"{event_size} dimensions, but got {scales!r}."
        )
    return array.tolist()


def resolve_points(
    density: Density,
    *,
    event_size: int | None,
    dtype: tf.DType | None,
    initial_state: tf.Tensor | None,
) -> tuple[int, tf.DType]:
    """The event size D and the dtype of the chains, from all that knows them.

    Raises:
      TypeError: if the dtype is contradictory or not floating.
      ValueError: if D is unknown, contradictory or no integer >= 1.
    """
    if event_size is not None:
        event_size = numerics.check_size("event_size", event_size)
    sizes = {
        "the target's event shape": density.event_size,
        "event_size": event_size,
        "initial_state": None if initial_state is None else initial_state.shape[-1],
    }
    event_size = _the_one("event size", sizes, ValueError)
    if event_size is None:
        raise ValueError(
            "The event size D of the target is unknown; pass event_size=D, or "
            "initial_state of shape [num_chains, D], or as target a distribution or "
            "the bound method of one, such as dist.log_prob."
        )
    dtypes = {"the target": density.dtype, "dtype": dtype}
    if dtype is not None:
        dtypes["dtype"] = numerics.check_dtype(dtype)
    names = {k: None if v is None else tf.as_dtype(v).name for k, v in dtypes.items()}
    dtype = _the_one("dtype", names, TypeError)
    if dtype is None and initial_state is not None and initial_state.dtype.is_floating:
        dtype = initial_state.dtype
    dtype = tf.float32 if dtype is None else tf.as_dtype(dtype)
    if not dtype.is_floating:
        raise TypeError(
            "Random-walk Metropolis moves floating-point states, but the dtype is "
            f"{dtype.name}; pass a continuous target and dtype=tf.float32 or float64."
        )
    return event_size, dtype


def _the_one(what: str, values: dict[str, Any], error: type[Exception]) -> Any:
    """The one value among those that are not `None`, or raises `error`."""
    known = {name: value for name, value in values.items() if value is not None}
    if len(set(known.values())) > 1:
        listing = ", ".join(f"{value} from {name}" for name, value in known.items())
        raise error(f"The {what} is contradictory: {listing}; make them agree.")
    return next(iter(known.values()), None)
