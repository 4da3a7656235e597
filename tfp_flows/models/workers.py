"""What Keras 3 lacks to train a model under a strategy of several workers."""

from typing import Any

import keras
import tensorflow as tf

from tfp_flows.models.saving import SavableModel


class WorkersModel(SavableModel):
    """A model that trains under a `tf.distribute.MultiWorkerMirroredStrategy`.

    Keras' own models fail there: their steps return scalars, which Keras averages over
    workers along a first axis, "Invalid reduction dimension 0"; and to build a model it
    averages a batch as if that had one part. Nothing changes for one worker.
    """

    def _check_strategy(self, method: str) -> None:
        """Raises NotImplementedError if Keras does not train under the strategy.

        Args:
          method: what was called, for the message.
        """
        strategy, name = self.distribute_strategy, f"{type(self).__name__}.{method}"
        if isinstance(strategy, tf.distribute.ParameterServerStrategy):
            raise NotImplementedError(
                f"{name} cannot run under a ParameterServerStrategy, with which Keras "
                f"{keras.__version__} does not train; use tf.distribute."
                "MirroredStrategy or MultiWorkerMirroredStrategy."
            )
        if _are_many(strategy) and self.steps_per_execution > 1:
            raise NotImplementedError(
                f"{name} of several workers cannot make several steps in one call with "
                f"Keras {keras.__version__}; compile with steps_per_execution=1."
            )

    def _step_result(self) -> dict[str, tf.Tensor]:
        """The metrics, as a step returns them to Keras."""
        means = self.get_metrics_result()
        if _are_many(tf.distribute.get_strategy()):
            means = {name: tf.reshape(mean, [1]) for name, mean in means.items()}
        return means

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Builds what is not built yet by this worker's part of the first batch."""
        strategy = self.distribute_strategy
        if iterator is not None and _are_many(strategy):
            _, _, batches = next(iter(iterator))
            data_batch = tf.nest.map_structure(
                lambda part: strategy.experimental_local_results(part)[0], next(batches)
            )
            iterator = None
        super()._maybe_symbolic_build(iterator, data_batch)


def _are_many(strategy: tf.distribute.Strategy) -> bool:
    """Whether a strategy has several workers."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return False
    return strategy.num_replicas_in_sync > len(strategy.extended.worker_devices)
