"""A density at many points, in bounded memory."""

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.density import Density

# Bytes that a tensor of the density may take, at most.
_MOST_BYTES = 2**28
# Nats of rounding from which on float64 is tried.
_ROUNDING = 1e-3


class Target:
    """A density, called on as many points at once as memory allows, and its gradient.

    Attributes:
      num_samples: how many samples of a flow judge it, by which a search is measured.
      num_starts: of the gradient ascents of such a search.
      has_gradient: whether gradients reach the points.
    """

    def __init__(self, density: Density, points: tf.Tensor, num_samples: int) -> None:
        """Checks and traces the density.

        It is evaluated in float64 if rounding matters in less, and the density allows.

        Args:
          density: `Density`.
          points: `Tensor` of shape `[S, D]` to evaluate it at for the first time.
          num_samples: of a flow, by which it will be judged.

        Raises:
          TypeError, ValueError: as `Density.check`.
        """
        self.num_samples = num_samples
        self.num_starts = int(np.clip(num_samples // 768, 4, 32)) * 4
        self._epsilon = numerics.epsilon(points.dtype)
        if self.rounding(density.check(points).numpy()) > _ROUNDING:
            precise = density.in_float64(points)
            if precise is not None:
                density, points = precise, tf.cast(points, tf.float64)
                self._epsilon = numerics.epsilon(tf.float64)
        self._density, self._dtype = density, points.dtype
        points = tf.gather(points, np.arange(self.num_starts) % len(points))
        self._gradient_fn: Callable = density.value_and_gradient
        # Where the size of tensors cannot be known.
        self._piece = numerics.FEW_POINTS
        try:
            traced = density.trace(points, gradient=True)
        except ValueError:
            pass  # NumPy's, for example, is called eagerly
        else:
            self._gradient_fn = traced
            size = _largest_tensor(traced.graph) / self.num_starts
            self._piece = int(np.clip(_MOST_BYTES / size, 1, numerics.MOST_POINTS))
        self.has_gradient = self._gradient_fn(points)[1] is not None

    @property
    def resolution(self) -> float:
        """The relative rounding of points."""
        return numerics.epsilon(self._dtype)

    def rounding(self, log_prob: np.ndarray) -> float:
        """By how many nats log densities `[S]` may be rounded."""
        sizes = np.abs(log_prob[np.isfinite(log_prob)])
        return float(self._epsilon * np.max(sizes, initial=0.0))

    def log_prob(self, points: tf.Tensor) -> np.ndarray:
        """Log densities of points `[S, D]`, a float64 array `[S]`."""
        pieces = [self._density(x) for x in _split(points, self._piece)]
        return np.concatenate([np.asarray(piece, np.float64) for piece in pieces])

    def value_and_gradient(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log densities and gradients of points `[S, D]`, float64 arrays `[S]`, `[S, D]`.

        Gradients are 0 where there are none.
        """
        values, gradients = [], []
        for part in _split(points, self.num_starts):
            padding = np.repeat(part[:1], self.num_starts - len(part), axis=0)
            x = tf.constant(np.concatenate([part, padding]), self._dtype)
            value, gradient = self._gradient_fn(x)
            values.append(np.asarray(value, np.float64)[: len(part)])
            gradient = tf.zeros_like(x) if gradient is None else gradient
            gradients.append(np.asarray(gradient, np.float64)[: len(part)])
        return np.concatenate(values), np.concatenate(gradients)


def _split(points: tf.Tensor | np.ndarray, size: int) -> Iterator[tf.Tensor | np.ndarray]:
    for start in range(0, len(points), size):
        yield points[start : start + size]


def _largest_tensor(graph: tf.Graph) -> int:
    """Bytes of the largest tensor of known size."""
    outputs = [output for op in graph.get_operations() for output in op.outputs]
    return max(
        output.shape.num_elements() * output.dtype.size
        for output in outputs
        if output.shape.is_fully_defined()
    )
