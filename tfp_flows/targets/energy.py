"""The base class of the two-dimensional targets."""

import math
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics


class Energy(tfp.distributions.Distribution):
    """A two-dimensional density exp(-U(z)) / Z with its ground truth.

    Beside what every `tfd.Distribution` has, a target knows its normalizer
    (`log_normalizer`), how its mass is spread over its modes (`mode_probabilities`,
    `mode_responsibilities`) and which part of the plane to draw (`plot_limits`).

    Two methods give the density, and differ only where the support is bounded:

    - `log_prob` is exact: -inf outside the support. Use it to judge and to plot.
    - `unnormalized_log_prob` is -U(z) on the support and falls steeply, but finitely and
      smoothly, outside it (a wall of height 1e7, as used elsewhere, has no gradient
      that could lead back). Use it to fit. Its integral exceeds Z by less than 0.1 %,
      so that a bound on it flatters by less than 0.001 nats.

    Subclasses define `_log_z`, `_sample_n`, `_log_mode_weights` and `mode_probabilities`,
    and `_energy` unless exp(-U) is the sum of the weights of the modes.
    """

    def __init__(
        self,
        *,
        half_width: float | None = None,
        plot_limits: tuple[float, float],
        dtype: tf.DType,
        name: str,
        parameters: dict[str, Any],
    ) -> None:
        """Initialises what all targets share.

        Args:
          half_width: the support is |z_1| <= `half_width`; `None` for the whole plane.
          plot_limits: `(low, high)`, for both axes.
          dtype: floating `tf.DType`.
          name: Python `str`.
          parameters: `dict` of the subclass's arguments.
        """
        self._half_width = half_width
        self._plot_limits = plot_limits
        super().__init__(
            dtype=tf.as_dtype(dtype),
            reparameterization_type=tfp.distributions.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    @classmethod
    def _parameter_properties(
        cls, dtype: tf.DType, num_classes: int | None = None
    ) -> dict[str, Any]:
        return {}  # no parameter is a Tensor

    def _batch_shape(self) -> tf.TensorShape:
        # Inferred from the parameters of a subclass, it would come with a warning.
        return tf.TensorShape([])

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape([2])

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.constant([2], tf.int32)

    def _default_event_space_bijector(self) -> tfp.bijectors.Bijector:
        return tfp.bijectors.Identity()

    def sample(self, sample_shape: Any = (), *args: Any, **kwargs: Any) -> tf.Tensor:
        """As of `tfd.Distribution`.

        Raises:
          ValueError: if a size is no integer, or one that TensorFlow's 32 bits cut off.
        """
        for sizes in tf.nest.flatten(sample_shape):
            for size in [] if tf.is_tensor(sizes) else np.ravel(sizes):
                numerics.check_size("sample_shape", size, least=0)
        return super().sample(sample_shape, *args, **kwargs)

    @property
    def plot_limits(self) -> tuple[float, float]:
        """`(low, high)`, the range of both axes that holds the visible mass."""
        return self._plot_limits

    @property
    def half_width(self) -> float | None:
        """The support is |z_1| <= `half_width`; `None` means the whole plane."""
        return self._half_width

    def log_normalizer(self) -> tf.Tensor:
        """Log Z, the log of the integral of exp(-U) over the support: a scalar."""
        return tf.constant(self._log_z(), self.dtype, name="log_normalizer")

    def mode_probabilities(self) -> tf.Tensor:
        """The target's mass in each of its M modes, `[M]`, sums to 1."""
        raise NotImplementedError

    def mode_responsibilities(self, value: tf.Tensor) -> tf.Tensor:
        """The probability that each point belongs to each mode.

        Its mean over samples of a flow is the flow's mass per mode, to be compared to
        `mode_probabilities`.

        Args:
          value: floating `Tensor` of shape `[..., 2]`.

        Returns:
          `Tensor` of shape `[..., M]`, sums to 1 over M.
        """
        value = tf.convert_to_tensor(value, dtype=self.dtype)
        return tf.nn.softmax(self._log_mode_weights(value), axis=-1)

    def _check_event(self, value: tf.Tensor) -> None:
        if value.shape.rank == 0 or value.shape[-1] not in (2, None):
            raise ValueError(
                f"Target {self.name} is a density of points [..., 2], but got shape "
                f"{value.shape}; use a flow with event_size=2."
            )

    def _energy(self, z: tf.Tensor) -> tf.Tensor:
        return -tf.reduce_logsumexp(self._log_mode_weights(z), axis=-1)

    def _log_prob(self, value: tf.Tensor) -> tf.Tensor:
        self._check_event(value)
        log_prob = -self._energy(value) - self.log_normalizer()
        if self._half_width is None:
            return log_prob
        is_inside = tf.abs(value[..., 0]) <= self._half_width
        return tf.where(is_inside, log_prob, tf.constant(-math.inf, self.dtype))

    def _unnormalized_log_prob(self, value: tf.Tensor) -> tf.Tensor:
        self._check_event(value)
        return -self._energy(value) - self._edge(value)

    def _edge(self, value: tf.Tensor) -> tf.Tensor:
        """The energy that stands for the wall: 0 inside, then steep, C1 and convex."""
        if self._half_width is None:
            return tf.zeros([], self.dtype)
        # A hyperbola: it leaves the wall with slope 0, reaches half its final slope
        # within 0.6 rounding and goes on linearly, so that far points keep a gradient
        # that does not explode.
        outside = tf.nn.relu(tf.abs(value[..., 0]) - self._half_width) / EDGE_ROUNDING
        height = EDGE_SLOPE * EDGE_ROUNDING
        return height * tf.square(outside) / (1.0 + tf.sqrt(1.0 + tf.square(outside)))


# The edge's slope, in nats per unit of length, and the length over which it is rounded.
EDGE_SLOPE = 400.0
EDGE_ROUNDING = 0.001
