"""How chains move between the modes that a target declares."""

import warnings
from typing import Any

import numpy as np

from tfp_flows import numerics
from tfp_flows.density import Density

# Modes in which a smaller share of chains starts are not counted.
_LEAST_MASS = 0.01


def mode_statistics(density: Density, samples: np.ndarray) -> dict[str, Any]:
    """The share of samples in each mode, and how often chains change their mode.

    Args:
      density: `Density`.
      samples: `[num_samples, num_chains, D]` array.

    Returns:
      Fields of `ChainResult`: `mode_mass`, `[M]`, and `mode_crossings`, `[num_chains]`;
      none if the target does not declare modes.
    """
    if density.modes is None:
        return {}
    responsibilities = _responsibilities(density, samples)
    labels = np.argmax(responsibilities, axis=-1)
    return dict(
        mode_mass=np.mean(responsibilities, axis=(0, 1)),
        mode_crossings=np.sum(labels[1:] != labels[:-1], axis=0),
    )


def warn_of_separate_modes(
    density: Density, starts: np.ndarray, crossings: np.ndarray | None
) -> None:
    """Warns if no chain went from one of several modes, that the flow knows, to another.

    Args:
      density: `Density`.
      starts: `[num_chains, D]` array, where the chains started: draws of the flow.
      crossings: `[num_chains]` int array, or `None` if modes are not declared.
    """
    if crossings is None or np.any(crossings):
        return
    mass = np.mean(_responsibilities(density, starts), axis=0)
    num_modes = np.sum(mass > _LEAST_MASS)
    if num_modes > 1:
        warnings.warn(
            f"No chain crossed from one mode to another, though they started in "
            f"{num_modes}: the shares of modes in the samples are those of the starting "
            "points. Use tff.mcmc.independence_metropolis, or a better flow.",
            RuntimeWarning,
            stacklevel=4,
        )


def _responsibilities(density: Density, samples: np.ndarray) -> np.ndarray:
    """The probability of each mode at points `[..., D]`, `[..., M]`."""
    flat = samples.reshape(-1, samples.shape[-1])
    shares = numerics.in_batches(
        density.modes.mode_responsibilities, flat, numerics.MOST_POINTS
    )
    return shares.reshape(*samples.shape[:-1], -1)
