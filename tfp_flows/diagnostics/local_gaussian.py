"""Gaussians at the modes of a density."""

import dataclasses
import math

import numpy as np

from tfp_flows.diagnostics.whitened import WhitenedDensity

# Standard deviations are at most this, also where the density is flat.
_WIDEST = 8.0
_NUM_LOOKS = 3


@dataclasses.dataclass(frozen=True)
class LocalGaussian:
    """A normal N(mean, A A^T), and the region in which most of it lies.

    Attributes:
      mean: `[D]` array, in white coordinates.
      factor: A, `[D, D]` array.
      inverse: of A.
      log_det: log |det A|.
    """

    mean: np.ndarray
    factor: np.ndarray
    inverse: np.ndarray
    log_det: float

    @property
    def squared_radius(self) -> float:
        """That of the region: 3 standard deviations of chi squared above its mean."""
        size = len(self.mean)
        return size + 3.0 * math.sqrt(2.0 * size)

    def contains(self, z: np.ndarray) -> np.ndarray:
        """Whether points `[S, D]` are in the region, `[S]`."""
        y = (z - self.mean) @ self.inverse.T
        return np.einsum("sd,sd->s", y, y) <= self.squared_radius


def fit_at(density: WhitenedDensity, top: np.ndarray) -> LocalGaussian:
    """The normal with the curvature of `density` around a point `[D]` near a mode.

    Curvature depends on the distance, at a kink or on a curved ridge: it is looked at
    several times, from differences of gradients along the axes of the last look, half a
    standard deviation away. The last one is averaged with the one before.
    """
    size = len(top)
    least = 100.0 * density.resolution
    axes, distances = np.eye(size), np.full(size, max(1e-4, least))
    covariance = np.eye(size)
    for look in range(_NUM_LOOKS):
        moves = axes.T * distances[:, np.newaxis]
        _, gradients = density.value_and_gradient(
            np.concatenate([top + moves, top - moves])
        )
        # Row i is the precision times axis i.
        slopes = (gradients[size:] - gradients[:size]) / (2.0 * distances[:, np.newaxis])
        precision = slopes.T @ axes.T
        curvatures, axes = np.linalg.eigh((precision + precision.T) / 2.0)
        deviations = 1.0 / np.sqrt(np.maximum(curvatures, _WIDEST**-2))
        if look == _NUM_LOOKS - 1:
            before = np.sqrt(np.einsum("di,de,ei->i", axes, covariance, axes))
            deviations = np.sqrt(deviations * before)
        covariance = (axes * deviations**2) @ axes.T
        distances = np.maximum(0.5 * deviations, least)
    factor = axes * deviations
    # A step of Newton's from where the ascent ended, of two standard deviations at most.
    step = factor.T @ np.mean(gradients, axis=0)
    step *= min(1.0, 2.0 / max(float(np.linalg.norm(step)), 1e-300))
    return LocalGaussian(
        top + factor @ step,
        factor,
        (axes / deviations).T,
        float(np.sum(np.log(deviations))),
    )
