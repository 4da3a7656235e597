"""What Keras' `fit` and `evaluate` ask of a model, once for all models here."""

import random
from typing import Any, ClassVar

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.models.examples import Examples, check_not_empty
from tfp_flows.models.sources import checked, pipeline_errors
from tfp_flows.models.workers import WorkersModel

# What `compile` takes beside the optimizer.
_COMPILE_ARGUMENTS = {
    "jit_compile",
    "steps_per_execution",
    "run_eagerly",
    "auto_scale_loss",
}

# Last numbers of the seeds of a step, so that training and evaluation differ.
_TRAIN, _TEST = 0, 1


class BaseModel(WorkersModel):
    """Steps, metrics and seeds of models that train on log densities.

    A subclass says by `step_terms` what is minimised and reported of each example.

    Attributes:
      own_loss: of the class, why `compile` takes no loss or metrics, for the message.
    """

    own_loss: ClassVar[str]

    def __init__(
        self, *, seed: int | None, metric_names: tuple[str, ...], **kwargs: object
    ) -> None:
        """Takes the seed of the steps, and the names of what they report.

        Args:
          seed: `int`; `None` draws one, as `keras.utils.set_random_seed` decides.
          metric_names: keys of the second result of `step_terms`.
          **kwargs: of `keras.Model`.
        """
        super().__init__(**kwargs)
        seed = numerics.check_int_seed(seed)
        self.seed = random.randint(1, 10**9) if seed is None else seed
        low = self.seed & 0x7FFFFFFF
        self._train_seed, self._test_seed = np.array([[low, _TRAIN], [low, _TEST]], "i4")
        self._trackers = {
            name: keras.metrics.Mean(name) for name in ("loss", *metric_names)
        }

    def step_terms(
        self, x: tf.Tensor, y: Any, seed: tf.Tensor, *, training: bool
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """What a step minimises the mean of, and what it reports the means of.

        Args:
          x: a batch of B examples.
          y: their labels, if there are any.
          seed: stateless seed of this step and replica alone.
          training: whether the step trains.

        Returns:
          `Tensor` of shape `[B]`, and metric name = `Tensor` of shape `[B]`.
        """
        raise NotImplementedError

    @property
    def examples(self) -> Examples | None:
        """What is asked of examples; `None` if there are none."""
        raise NotImplementedError

    def compile(
        self, optimizer: str | keras.optimizers.Optimizer = "adam", **kwargs: Any
    ) -> None:
        """As of `keras.Model`, but loss and metrics are the model's own.

        Args:
          optimizer: Keras optimizer, or the name of one.
          **kwargs: `jit_compile`, `steps_per_execution`, `run_eagerly` and
            `auto_scale_loss`, as of `keras.Model.compile`.

        Raises:
          TypeError: if another argument is given, such as a loss or metrics.
        """
        unknown = set(kwargs) - _COMPILE_ARGUMENTS
        if unknown:
            raise TypeError(
                f"{type(self).__name__}.compile has no argument "
                f"{', '.join(sorted(unknown))}: {self.own_loss}"
            )
        super().compile(optimizer, **kwargs)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The means that `fit` and `evaluate` report."""
        return list(self._trackers.values())

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        *args: Any,
        validation_data: Any = None,
        class_weight: None = None,
        sample_weight: npt.ArrayLike | None = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Trains the model; see `keras.Model.fit`.

        Args:
          x: examples: an array, a data frame, or a `tf.data.Dataset`, `keras.utils.
            PyDataset` or generator of batches `x`, `(x, y)` or `(x, y, weights)`.
          y: labels, where the model has a use for them.
          batch_size: examples per step of an array; `None` is 32.
          *args: as of `keras.Model.fit`.
          validation_data: like `x`, or a tuple `(x, y)` or `(x, y, weights)` of arrays.
          class_weight: nothing, as there are no classes.
          sample_weight: `[N]`, factors of the terms of the loss, a sum over the batch
            divided by its size; the other metrics are weighted means.
          **kwargs: as of `keras.Model.fit`.

        Returns:
          `keras.callbacks.History` of the metrics, in nats per example.

        Raises:
          TypeError: if the examples are of another kind or dtype.
          ValueError: if they are of another shape, or not finite or not in range, or a
            size is no integer >= 1. Those of arrays are looked at before any training,
            others before their step.
          NotImplementedError: under a parameter server, with which Keras 3 does not
            train, or with several steps per execution under several workers.
        """
        sizes = dict(
            batch_size=batch_size,
            validation_batch_size=kwargs.get("validation_batch_size"),
        )
        _check_sizes(sizes)
        self._check_strategy("fit")
        if class_weight is not None:
            raise ValueError(
                f"{type(self).__name__} has no classes, but got class_weight; pass "
                "sample_weight, a number per example."
            )
        examples = self.examples
        if examples is None:
            return super().fit(x, y, batch_size, *args, **kwargs)
        kind = type(x).__name__
        x, y, sample_weight = checked("fit", examples, x, y, sample_weight)
        if kwargs.get("validation_split") and not hasattr(x, "__array__"):
            raise ValueError(
                "fit splits arrays only, but got validation_split beside a "
                f"{kind}; pass what is held out as `validation_data`: of a "
                "dataset, for example, data.take(n) beside data.skip(n)."
            )
        if validation_data is not None:
            parts = validation_data
            parts = parts if isinstance(parts, tuple | list) else (parts,)
            validation_data = checked("validation_data", examples, *parts)
        with pipeline_errors():
            return super().fit(
                x,
                y,
                batch_size,
                *args,
                validation_data=validation_data,
                sample_weight=sample_weight,
                **kwargs,
            )

    def make_train_function(self, force: bool = False) -> None:
        """As of `keras.Model`; variables made in the first step would trace it twice."""
        if self.optimizer is not None and not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)
        super().make_train_function(force)

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        *args: Any,
        sample_weight: npt.ArrayLike | None = None,
        **kwargs: Any,
    ) -> list[float] | dict[str, float]:
        """Loss and metrics, per example, in nats; see `keras.Model.evaluate`.

        Args:
          x: examples, of any kind that `fit` takes.
          y: labels, where the model has a use for them.
          batch_size: examples per step of an array; `None` is 32.
          *args: as of `keras.Model.evaluate`.
          sample_weight: `[N]`, factors of the terms of the loss, a sum over the batch
            divided by its size; the other metrics are weighted means.
          **kwargs: as of `keras.Model.evaluate`.

        Returns:
          A list, the loss first; with `return_dict=True`, a dict.

        Raises:
          TypeError, ValueError, NotImplementedError: as of `fit`.
        """
        _check_sizes(dict(batch_size=batch_size))
        self._check_strategy("evaluate")
        examples = self.examples
        if examples is None:
            return super().evaluate(x, y, batch_size, *args, **kwargs)
        x, y, sample_weight = checked("evaluate", examples, x, y, sample_weight)
        with pipeline_errors():
            return super().evaluate(
                x, y, batch_size, *args, sample_weight=sample_weight, **kwargs
            )

    def predict(
        self, x: Any, batch_size: int | None = None, *args: Any, **kwargs: Any
    ) -> np.ndarray:
        """What the model returns for inputs, as an array; see `keras.Model.predict`.

        Args:
          x: inputs, as of `keras.Model.predict`.
          batch_size: inputs at a time of an array; `None` is 32.
          *args: as of `keras.Model.predict`.
          **kwargs: as of `keras.Model.predict`.

        Returns:
          Array of the results for all inputs.

        Raises:
          ValueError: if there are no inputs, or `batch_size` is no integer >= 1.
        """
        if batch_size is not None:
            numerics.check_size("batch_size", batch_size)
        for part in x if isinstance(x, list | tuple) else [x]:
            if part is None:
                raise ValueError("predict needs inputs, but got None.")
            if hasattr(part, "__array__"):
                check_not_empty("predict", part)
        return super().predict(x, batch_size, *args, **kwargs)

    def train_step(self, data: tuple) -> dict[str, tf.Tensor]:
        """One update of the weights; returns the means so far."""
        seed = _step_seed(self._train_seed, self.optimizer.iterations)
        with tf.GradientTape() as tape:
            loss = self._loss(data, seed, training=True)
            # Keras adds up the gradients of replicas.
            loss /= tf.distribute.get_strategy().num_replicas_in_sync
            loss = self.optimizer.scale_loss(loss)
        variables = self.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return self._step_result()

    def test_step(self, data: tuple) -> dict[str, tf.Tensor]:
        """Judges a batch; returns the means so far."""
        # The examples since `evaluate` began, a number of its own per batch.
        seed = _step_seed(self._test_seed, self._trackers["loss"].count)
        self._loss(data, seed, training=False)
        return self._step_result()

    def _loss(self, data: tuple, seed: tf.Tensor, *, training: bool) -> tf.Tensor:
        """The loss of a batch, of which the metrics are told."""
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        terms, reported = self.step_terms(x, y, seed, training=training)
        if weight is None:
            loss = tf.reduce_mean(terms)
        else:
            weight = tf.cast(tf.reshape(weight, [-1]), terms.dtype)
            loss = tf.reduce_mean(terms * weight)
        for regularizer in self.losses:
            loss += tf.cast(regularizer, loss.dtype)
        self._trackers["loss"].update_state(loss, sample_weight=tf.shape(terms)[0])
        for name, values in reported.items():
            self._trackers[name].update_state(values, sample_weight=weight)
        return loss


def _check_sizes(sizes: dict[str, Any]) -> None:
    for name, size in sizes.items():
        if size is not None:
            numerics.check_size(name, size)


def _step_seed(seed: npt.ArrayLike, count: keras.Variable) -> tf.Tensor:
    """A stateless seed for this count and replica alone."""
    context = tf.distribute.get_replica_context()
    replica = 0 if context is None else context.replica_id_in_sync_group
    for number in (count, replica):
        number = tf.cast(tf.convert_to_tensor(number), tf.int32)
        seed = tf.random.experimental.stateless_fold_in(seed, number)
    return seed
