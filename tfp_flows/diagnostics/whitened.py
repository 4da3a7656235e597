"""A density in coordinates in which the samples of a flow have unit covariance."""

import numpy as np
import numpy.typing as npt

from tfp_flows.diagnostics.target import Target

# So many samples per dimension are needed for a covariance rather than scales alone.
_LEAST_SAMPLES = 10


class WhitenedDensity:
    """p of z = L^-1 (x - m), with m and L L^T the mean and covariance of samples of q."""

    def __init__(self, target: Target, samples: npt.ArrayLike) -> None:
        """Takes p, and samples `[S, D]` of q."""
        x = np.asarray(samples, np.float64)
        self._target, self.event_size = target, x.shape[1]
        self.mean = np.mean(x, axis=0)
        centred = x - self.mean
        covariance = centred.T @ centred / len(x)
        scale = np.sqrt(np.maximum(np.diag(covariance), np.finfo(np.float64).tiny))
        self._factor = np.diag(scale)
        if len(x) >= _LEAST_SAMPLES * self.event_size:
            correlation = covariance / (scale[:, np.newaxis] * scale)
            # The ridge is about the rounding of correlations of float32 samples.
            correlation += 1e-6 * np.eye(self.event_size)
            self._factor = scale[:, np.newaxis] * np.linalg.cholesky(correlation)
        self._inverse = np.linalg.inv(self._factor)
        self._log_det = float(np.sum(np.log(np.diag(self._factor))))
        # The least step in z that points of this dtype can tell from none.
        sizes = np.abs(self.mean) / scale + 1.0
        self.resolution = target.resolution * float(np.max(sizes))

    def to_x(self, z: np.ndarray) -> np.ndarray:
        """Points `[..., D]` in the coordinates of p."""
        return self.mean + z @ self._factor.T

    def to_z(self, x: npt.ArrayLike) -> np.ndarray:
        """Points `[S, D]` in white coordinates."""
        return (np.asarray(x, np.float64) - self.mean) @ self._inverse.T

    def log_prob(self, z: np.ndarray) -> np.ndarray:
        """Log density of z, `[S, D]` to `[S]`; -inf also where it is NaN or +inf."""
        return self.value_and_gradient(z)[0]

    def value_and_gradient(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`log_prob` and its gradient, `[S, D]`, 0 where it is not finite."""
        values, gradients = self._target.value_and_gradient(self.to_x(z))
        is_finite = np.all(np.isfinite(gradients), axis=1, keepdims=True)
        return self._finite(values), np.where(is_finite, gradients, 0.0) @ self._factor

    def _finite(self, log_prob: np.ndarray) -> np.ndarray:
        values = log_prob + self._log_det
        return np.where(np.isfinite(values), values, -np.inf)
