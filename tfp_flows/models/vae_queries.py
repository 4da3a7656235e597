"""What users ask of a variational autoencoder, once it is trained."""

from collections.abc import Iterator

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.models.base import BaseModel
from tfp_flows.models.bound import log_mean_exp, log_weights
from tfp_flows.models.images import Images, binarize
from tfp_flows.types import Seed


class VAEQueries(BaseModel):
    """Samples, reconstructions, bounds and maps of a `FlowVAE`.

    It knows the model's sizes, `decoder` and `likelihood`, and its `posterior`,
    `transform` and `bound_terms`.
    """

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Reconstructions, `[B, *image_shape]`, without noise."""
        del training  # they are for looking at; the training step calls `bound_terms`
        return self.reconstruct(images)

    @property
    def examples(self) -> Images:
        """What is asked of images."""
        return Images(self.image_shape, self.likelihood)

    def as_images(self, images: npt.ArrayLike) -> tf.Tensor:
        """Checked images, in the dtype that the likelihood takes."""
        self.examples.check_array("FlowVAE", images)
        return tf.cast(images, self._image_dtype)

    def encode(self, images: npt.ArrayLike) -> tf.Tensor:
        """The centre of the posterior, f(loc(x); h(x)).

        Args:
          images: `[B, *image_shape]`, as `fit` takes them; they are made binary above
            0.5 unless `binarization` is `None`.

        Returns:
          `Tensor` of shape `[B, D]`.
        """
        images = self.as_images(images)
        if self.binarization is not None:
            images = binarize(images, "fixed")
        loc, _, features = self.posterior(images)
        return self.transform(loc, features)[0]

    def decode(self, z: npt.ArrayLike) -> tf.Tensor:
        """The means of the pixels in p(x|z), probabilities for a Bernoulli likelihood.

        Args:
          z: `Tensor` of shape `[..., D]`.

        Returns:
          `Tensor` of shape `[..., *image_shape]`.
        """
        z = tf.convert_to_tensor(z, self._bound_dtype)
        numerics.check_event_size(z, self.loc.bias, bijector="FlowVAE", name="loc")
        return self.likelihood.mean(self.decode_logits(z))

    def decode_logits(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """The outputs of the decoder: logits of p(x|z), or means of a Gaussian one.

        Args:
          z: `Tensor` of shape `[..., D]`.
          training: for the decoder.

        Returns:
          `Tensor` of shape `[..., *image_shape]`, with the likelihood's `num_outputs`, if
          they are more than 1, as a last axis; of float32 at least.
        """
        flat = tf.reshape(z, [-1, self.latent_size])
        outputs = tf.cast(self.decoder(flat, training=training), self._bound_dtype)
        shape = tf.concat([tf.shape(z)[:-1], self._outputs_shape], axis=0)
        return tf.reshape(outputs, shape)

    def reconstruct(self, images: npt.ArrayLike) -> tf.Tensor:
        """`decode(encode(images))`, `[B, *image_shape]`."""
        return self.decode(self.encode(images))

    def sample(
        self, num_samples: int, *, mean: bool = True, seed: Seed = None
    ) -> tf.Tensor:
        """Images of the model: the means of p(x|z), or draws from it, for z ~ p(z).

        Args:
          num_samples: how many.
          mean: whether pixels are their means, as is usual for looking at, or drawn.
          seed: `int`, stateless seed, or `None`.

        Returns:
          `Tensor` of shape `[num_samples, *image_shape]`, of images as `decode` gives
          them, or with `mean=False` as `fit` takes them.
        """
        shape = [numerics.check_size("num_samples", num_samples), self.latent_size]
        seed = numerics.stateless_seed(seed)
        z = numerics.stateless_normal(shape, seed, self._bound_dtype)
        if mean:
            return self.decode(z)
        seed = tf.random.experimental.stateless_fold_in(seed, 1)
        return self.likelihood.sample(self.decode_logits(z), seed)

    def elbo(
        self,
        images: npt.ArrayLike,
        *,
        num_samples: int = 1,
        batch_size: int = 100,
        seed: Seed = None,
    ) -> np.ndarray:
        """The ELBO of each image, the mean over `num_samples` samples of the posterior.

        Args:
          images: array of shape `[N, *image_shape]`, as `fit` takes them; made binary
            first, as `binarization` says, once for all samples.
          num_samples: how many.
          batch_size: images at a time.
          seed: `int`, stateless seed, or `None`.

        Returns:
          `float64` array of shape `[N]`, in nats.

        Raises:
          TypeError, ValueError: if the images or a size are wrong.
        """
        weights = self._log_weights(images, num_samples, batch_size, seed)
        return np.concatenate([np.mean(w, axis=0) for w in weights])

    def importance_log_likelihood(
        self,
        images: npt.ArrayLike,
        num_samples: int = 500,
        *,
        batch_size: int = 100,
        seed: Seed = None,
    ) -> np.ndarray:
        """Log p(x) of each image, by importance sampling from the posterior.

            log (1/S) sum_s p(x|z_s) p(z_s) / q(z_s|x),   z_s ~ q(z|x),

        in expectation a lower bound of log p(x), above the ELBO, and exact as S grows
        (Burda et al. 2016, eq. 8). Memory is bounded: some thousands of images of samples
        are decoded at a time.

        Args:
          images: array of shape `[N, *image_shape]`, as `fit` takes them; made binary
            first, as `binarization` says, once for all samples.
          num_samples: S.
          batch_size: images at a time.
          seed: `int`, stateless seed, or `None`.

        Returns:
          `float64` array of shape `[N]`, in nats.

        Raises:
          TypeError, ValueError: if the images or a size are wrong.
        """
        weights = self._log_weights(images, num_samples, batch_size, seed)
        return np.concatenate([log_mean_exp(w) for w in weights])

    def elbo_and_log_likelihood(
        self,
        images: npt.ArrayLike,
        num_samples: int = 500,
        *,
        batch_size: int = 100,
        seed: Seed = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """`elbo` and `importance_log_likelihood` from the same samples, in half the time.

        Args:
          images: array of shape `[N, *image_shape]`, as `fit` takes them; made binary
            first, as `binarization` says, once for all samples.
          num_samples: how many.
          batch_size: images at a time.
          seed: `int`, stateless seed, or `None`.

        Returns:
          Two `float64` arrays of shape `[N]`, in nats.

        Raises:
          TypeError, ValueError: if the images or a size are wrong.
        """
        weights = self._log_weights(images, num_samples, batch_size, seed)
        pairs = [(np.mean(w, axis=0), log_mean_exp(w)) for w in weights]
        elbo, log_likelihood = zip(*pairs, strict=True)
        return np.concatenate(elbo), np.concatenate(log_likelihood)

    def _log_weights(
        self, images: npt.ArrayLike, num_samples: int, batch_size: int, seed: Seed
    ) -> Iterator[np.ndarray]:
        num_samples = numerics.check_size("num_samples", num_samples)
        batch_size = numerics.check_size("batch_size", batch_size)
        checked = self.as_images(images)
        numerics.check_size("number of images", checked.shape[0])
        seed, binarize_seed = tf.unstack(
            tf.random.experimental.stateless_split(numerics.stateless_seed(seed), 2)
        )
        binary = binarize(checked, self.binarization, binarize_seed)

        def log_weight(batch: tf.Tensor, count: int, seed: tf.Tensor) -> tf.Tensor:
            log_likelihood, kl = self.bound_terms(batch, num_samples=count, seed=seed)
            return log_likelihood - kl

        return log_weights(
            log_weight,
            binary,
            num_samples=num_samples,
            batch_size=batch_size,
            num_outputs=self.likelihood.num_outputs,
            seed=seed,
        )

    def latent_grid(
        self, num_points: int = 20, *, coverage: float = 0.99
    ) -> tuple[np.ndarray, np.ndarray]:
        """The map of a two-dimensional latent space: images on a grid of z.

        The grid has equal steps in the prior's probability along each axis, as in Kingma
        and Welling (2014), figure 4: every image stands for the same prior mass.

        Args:
          num_points: n, points per axis.
          coverage: prior mass of each axis between its first and last point.

        Returns:
          The coordinates of both axes, `[n]`, rising, and the images, `[n, n,
          *image_shape]`, by z_2 and z_1.

        Raises:
          ValueError: unless `latent_size` is 2.
        """
        if self.latent_size != 2:
            raise ValueError(
                "A latent map needs a latent space of two dimensions, but latent_size is "
                f"{self.latent_size}; build and train a model with latent_size=2."
            )
        num_points = numerics.check_size("num_points", num_points)
        tail = (1.0 - coverage) / 2.0
        mass = np.linspace(tail, 1.0 - tail, num_points)
        axis = tf.math.ndtri(tf.constant(mass, self._bound_dtype)).numpy()
        grid = np.stack(np.meshgrid(axis, axis), axis=-1)
        return axis, self.decode(grid).numpy()

    def export(self, filepath: str, **kwargs: object) -> None:
        """Writes a SavedModel with the endpoints `serve`, `encode` and `decode`.

        `serve` gives reconstructions; images and latent vectors are float32 (float64 for
        a float64 model; images of a categorical likelihood int32), of any number.

        Args:
          filepath: folder to write.
          **kwargs: options of `keras.export.ExportArchive.write_out`, such as `verbose`.
        """
        archive = keras.export.ExportArchive()
        archive.track(self)
        dtype = self._bound_dtype
        shape = [None, *self.image_shape]
        images = [tf.TensorSpec(shape, self._image_dtype, name="images")]
        z = [tf.TensorSpec([None, self.latent_size], dtype, name="z")]
        archive.add_endpoint("serve", self.reconstruct, input_signature=images)
        archive.add_endpoint("encode", self.encode, input_signature=images)
        archive.add_endpoint("decode", self.decode, input_signature=z)
        archive.write_out(filepath, **kwargs)
