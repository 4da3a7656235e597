"""A Keras model that is a flow: its layers, density and samples."""

from collections.abc import Sequence

import keras
import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors, numerics
from tfp_flows.bijectors.live import unknown_to_caches
from tfp_flows.models.base import BaseModel
from tfp_flows.models.examples import as_tensor


class LayeredFlow(BaseModel):
    """Flow layers, one after another, over a standard normal.

    A subclass says by its constructor what they are, and by `step_terms` how they are
    trained.

    Attributes:
      event_size: D.
      flow_layers: list of Keras layers with a `bijector`, applied first to last.
    """

    event_size: int
    flow_layers: list[keras.layers.Layer]
    _seed_generator: keras.random.SeedGenerator

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the weights of layers that have none yet."""
        for layer in self.flow_layers:
            if not layer.built:
                layer.build((None, self.event_size))
            # Raises if the layer has been built for another event size.
            layer.compute_output_shape((None, self.event_size))
        self.built = True

    def distribution(self) -> tfp.distributions.TransformedDistribution:
        """The flow as a `tfd.TransformedDistribution` of event shape `[D]`.

        It is live: its variables are the weights of the model, which it follows as they
        train; and what trains the distribution, such as `vi.fit_reverse_kl`, trains the
        model.
        """
        parts = [layer.bijector for layer in self.flow_layers]
        bijector = parts[0] if len(parts) == 1 else bijectors.chain(parts)
        dtype = tf.as_dtype(self.flow_layers[0].variable_dtype)
        return tfp.distributions.TransformedDistribution(
            numerics.standard_normal(self.event_size, dtype), bijector
        )

    def log_prob(self, x: npt.ArrayLike) -> tf.Tensor:
        """The log density of points `[..., D]`, a `Tensor` of shape `[...]`."""
        flow = self.distribution()
        # Live whatever the bijectors of the layers are.
        points = as_tensor("log_prob", "x", x, flow.dtype)
        return flow.log_prob(unknown_to_caches(points))

    def sample(
        self,
        sample_shape: int | Sequence[int] = (),
        seed: int | npt.ArrayLike | None = None,
    ) -> tf.Tensor:
        """Draws points from the flow.

        Args:
          sample_shape: integer, or list of integers.
          seed: `int` or stateless TFP seed; `None` takes the next of the model's own.

        Returns:
          `Tensor` of shape `sample_shape + [D]`.
        """
        if seed is None:
            seed = tf.cast(self._seed_generator.next(), tf.int32)
        seed = numerics.stateless_seed(seed)
        return self.distribution().sample(sample_shape, seed=seed)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """The log density of points `[..., D]`, a `Tensor` of shape `[...]`."""
        return self.log_prob(x)

    def compute_output_spec(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """The symbolic log density."""
        dtype = self.flow_layers[0].variable_dtype
        return keras.KerasTensor(tuple(x.shape[:-1]), dtype=dtype)

    def export(self, filepath: str, *args: object, **kwargs: object) -> None:
        """Exports `log_prob` as a SavedModel; see `keras.Model.export`."""
        self(tf.zeros([1, self.event_size]))  # Keras exports what has been called
        return super().export(filepath, *args, **kwargs)

    def own_arguments(self) -> dict[str, object]:
        """The arguments of the constructor that `keras.Model` does not know."""
        return dict(
            event_size=self.event_size, flow_layers=list(self.flow_layers), seed=self.seed
        )
