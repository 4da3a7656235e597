"""What Keras' `fit` and `evaluate` ask of a model that trains on a bound."""

import keras
import tensorflow as tf

from tfp_flows.models.images import binarize, check_images

# First numbers of the seeds of a step, so that training and evaluation differ.
_TRAIN, _TEST = 0, 1


class KerasSteps(keras.Model):
    """Steps, metrics and checks of a `FlowVAE`; knows only its `bound_terms`.

    A subclass sets `seed`, `image_shape`, `binarization` and `_bound_dtype`.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        # Not replicated noise but one number for all replicas.
        self.beta = self.add_weight(
            shape=(),
            initializer="ones",
            trainable=False,
            dtype="float32",
            aggregation="only_first_replica",
            name="beta",
        )
        self._loss = keras.metrics.Mean("loss")
        self._elbo = keras.metrics.Mean("elbo")
        self._reconstruction = keras.metrics.Mean("reconstruction")
        self._kl = keras.metrics.Mean("kl")
        self._mean_beta = keras.metrics.Mean("beta")

    @property
    def metrics(self):
        """The means that `fit` and `evaluate` report."""
        return [
            self._loss,
            self._elbo,
            self._reconstruction,
            self._kl,
            self._mean_beta,
        ]

    def call(self, images, training=False):
        """Reconstructions, `[B, *image_shape]`, without noise."""
        del training  # they are for looking at; the training step calls `bound_terms`
        return self.reconstruct(images)

    def compile(self, optimizer="adam", loss=None, **kwargs):
        """Like `keras.Model.compile`; the loss and the metrics are the model's own.

        Raises:
          ValueError: if `loss`, `metrics` or their weights are given.
        """
        names = ("loss_weights", "metrics", "weighted_metrics")
        given = dict(loss=loss, **{name: kwargs.get(name) for name in names})
        given = [name for name, value in given.items() if value is not None]
        if given:
            raise ValueError(
                "FlowVAE trains on its own bound and reports its own metrics, but "
                f"`compile` got {', '.join(given)}; leave it out."
            )
        super().compile(optimizer=optimizer, **kwargs)

    def compile_from_config(self, config):
        """Compiles as a saved model was compiled."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(self, x=None, y=None, *args, validation_data=None, **kwargs):
        """Like `keras.Model.fit`; images with values in [0, 1], `y` is not looked at.

        Raises:
          TypeError, ValueError: if images are of another dtype, shape or range; those of
            arrays, before any training.
        """
        self._check_arrays(x)
        self._check_arrays(validation_data)
        return super().fit(x, y, *args, validation_data=validation_data, **kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """Like `keras.Model.evaluate`: `loss` is -ELBO, per image, in nats.

        Raises:
          TypeError, ValueError: as `fit`.
        """
        self._check_arrays(x)
        return super().evaluate(x, y, *args, **kwargs)

    def _check_arrays(self, data):
        if isinstance(data, tuple | list) and data:
            data = data[0]
        if hasattr(data, "dtype") and hasattr(data, "shape"):
            check_images(data, self.image_shape)

    def train_step(self, data):
        """One update of the weights; returns the means so far."""
        images, _, weight = keras.utils.unpack_x_y_sample_weight(data)
        seed = self._step_seed(_TRAIN, self.optimizer.iterations)
        with tf.GradientTape() as tape:
            loss = self._step(images, weight, self.beta, seed, training=True)
            # The optimizer sums the gradients of the replicas.
            loss /= tf.distribute.get_strategy().num_replicas_in_sync
            loss = self.optimizer.scale_loss(loss)
        variables = self.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return self.get_metrics_result()

    def test_step(self, data):
        """Judges a batch; returns the means so far."""
        images, _, weight = keras.utils.unpack_x_y_sample_weight(data)
        # Metrics count the images since `evaluate` began, a number of its own per batch.
        seed = self._step_seed(_TEST, self._mean_beta.count)
        self._step(images, weight, tf.ones([]), seed, training=False)
        return self.get_metrics_result()

    def get_metrics_result(self):
        """The means so far, by name."""
        return {metric.name: metric.result() for metric in self.metrics}

    def _step_seed(self, role, count):
        """A seed for this step and replica alone."""
        seed = tf.constant([self.seed & 0x7FFFFFFF, role], tf.int32)
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        for number in (count, replica):
            number = tf.cast(tf.convert_to_tensor(number), tf.int32)
            seed = tf.random.experimental.stateless_fold_in(seed, number)
        return seed

    def _step(self, images, weight, beta, seed, *, training):
        """The loss of a batch, after its metrics are counted."""
        check_images(images, self.image_shape)
        images = tf.cast(images, self._bound_dtype)
        seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
        images = binarize(images, self.binarization, seeds[0])
        log_likelihood, kl = self.bound_terms(images, seed=seeds[1], training=training)
        beta = tf.cast(tf.convert_to_tensor(beta), kl.dtype)
        losses = beta * kl - log_likelihood
        if weight is None:
            loss = tf.reduce_mean(losses)
        else:
            loss = tf.reduce_mean(losses * tf.cast(tf.reshape(weight, [-1]), kl.dtype))
        for regularizer in self.losses:
            loss += tf.cast(regularizer, loss.dtype)

        size = tf.cast(tf.shape(kl)[0], kl.dtype)
        self._loss.update_state(loss, sample_weight=size)
        self._elbo.update_state(log_likelihood - kl, sample_weight=weight)
        self._reconstruction.update_state(log_likelihood, sample_weight=weight)
        self._kl.update_state(kl, sample_weight=weight)
        self._mean_beta.update_state(beta, sample_weight=size)
        return loss
