"""Flow layers with one set of parameters for all points."""

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.layers.base import FlowLayer, forward_and_log_det
from tfp_flows.layers.checks import check_floating, check_vectors


class Shared(FlowLayer):
    """The layers of a family with weights of their own: `z0 -> (zK, log_det)`.

    Base of `SharedPlanar` and others, and of those of families that users define.

    #### Example

    ```python
    @keras.saving.register_keras_serializable()
    class SharedMine(tff.layers.Shared):
        family_class = MyFamily                             # a tff.bijectors.Family
    ```
    """

    def build(self, input_shape: tuple) -> None:
        """Makes the weights."""
        self.event_size = check_vectors(type(self).__name__, "z0", input_shape)
        self._parameters = self.add_parameters(self.initial_values(self.event_size))
        self.built = True

    @property
    def bijector(self) -> tfp.bijectors.Bijector:
        """The layer as a `tfb.Bijector`, live: it follows the weights as they train."""
        if not self.built:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} has no weights yet; call it on "
                "points, or build((None, D)), first."
            )
        values = {name: weight.value for name, weight in self._parameters.items()}
        return self.family.stack(self.family.constrain(values))

    def call(self, z0: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The image zK `[..., D]` of z0 and the log-det `[...]`."""
        check_floating(type(self).__name__, z0=z0)
        z0 = tf.cast(z0, self.variable_dtype)
        return forward_and_log_det(self.bijector, z0)

    def compute_output_shape(self, input_shape: tuple) -> tuple[tuple, tuple]:
        """Shapes `[..., D]` and `[...]`."""
        name = type(self).__name__
        event_size = check_vectors(name, "z0", input_shape)
        if self.built and event_size != self.event_size:
            raise ValueError(
                f"{name} {self.name!r} has been built for event size {self.event_size}, "
                f"but got points of event size {event_size} (shape {input_shape}); make "
                "a new layer for them."
            )
        return self.output_shapes(input_shape)

    def compute_output_spec(self, z0: keras.KerasTensor) -> tuple[keras.KerasTensor, ...]:
        """Symbolic outputs."""
        check_floating(type(self).__name__, z0=z0)
        self.compute_output_shape(z0.shape)
        return self.output_spec(z0.shape)
