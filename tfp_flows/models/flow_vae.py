"""A variational autoencoder whose posterior is a flow."""

import keras
import numpy as np
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.models import images as image_checks
from tfp_flows.models.bound import (
    bernoulli_log_prob,
    log_mean_exp,
    log_weights,
    sampled_kl,
)
from tfp_flows.models.keras_steps import KerasSteps
from tfp_flows.models.parts import check_flow, resolve_decoder, resolve_encoder


@keras.saving.register_keras_serializable(package="tfp_flows")
class FlowVAE(KerasSteps):
    """A variational autoencoder whose posterior is a flow [1, 2].

        z0 ~ q0(z0|x) = Normal(loc(x), scale(x)),   z = f(z0; h(x))
        log q(z|x) = log q0(z0|x) - log|det df/dz0|
        ELBO(x) = E[log p(x|z) + log p(z) - log q(z|x)],   p(z) = Normal(0, 1),

    with a Bernoulli likelihood p(x|z) of the pixels, from logits. The flow is used in its
    forward direction alone. Training minimises `-E[log p(x|z)] + beta KL`, one sample per
    image; `beta` is 1 but for `KLWarmUp`.

    #### Examples

    ```python
    flow = tff.layers.AmortizedPlanar(20)
    model = tff.models.FlowVAE(20, (28, 28), flow=flow, seed=0)
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(x_train, batch_size=128, epochs=50, validation_data=(x_val,))
    model.evaluate(x_test)  # -ELBO and its terms, per image
    model.importance_log_likelihood(x_test, num_samples=500, seed=1)  # [N]
    model.sample(64, seed=2)  # images [64, 28, 28]
    ```

    Metrics: `loss`, `elbo`, `reconstruction` (E[log p(x|z)]), `kl` (E[log q(z|x) -
    log p(z)]), means per image in nats, and `beta`. In `evaluate`, `loss` is -ELBO,
    whatever `beta` is.

    The noise of a training step is a function of `seed` and of the optimizer's step
    count, that of `evaluate` of `seed` and the images judged before: a fit that goes on
    from a checkpoint sees the noise that it would have seen, and `evaluate` gives the
    same number for the same weights, data and batch size.

    `model(x)` and `predict` give reconstructions, without noise.

    Deviations: van den Berg et al. give the posterior's variance by a softplus, here
    `scale = exp(log_scale)`, with `log_scale` linear in h.

    #### References

    [1]: D. J. Rezende and S. Mohamed. Variational Inference with Normalizing Flows.
         ICML 2015, eq. 15. https://arxiv.org/abs/1505.05770
    [2]: R. van den Berg, L. Hasenclever, J. M. Tomczak and M. Welling. Sylvester
         Normalizing Flows for Variational Inference. UAI 2018.
         https://arxiv.org/abs/1803.05649
    """

    def __init__(
        self,
        latent_size,
        image_shape,
        *,
        encoder="mlp",
        decoder="mlp",
        flow=None,
        binarization="dynamic",
        seed=None,
        name="flow_vae",
        **kwargs,
    ):
        """Builds the model with its weights.

        Args:
          latent_size: D.
          image_shape: shape of an image, such as `(28, 28)` or `(28, 28, 1)`.
          encoder: "mlp" (512-256), "gated_conv" (van den Berg et al.), or a Keras layer
            or model, images `[B, *image_shape]` to features h `[B, H]`.
          decoder: "mlp" (256-512), "gated_conv", or a Keras layer or model, latent
            vectors `[B, D]` to logits, `[B, *image_shape]` or `[B, number of pixels]`.
          flow: `None`, a layer of `tff.layers`, or a Keras layer like them: called as
            `flow([z0, h])`, or as `flow(z0)` if it is a `Shared` one, it returns
            `(z, log_det)`.
          binarization: what training and evaluation make of intensities in [0, 1]:
            "dynamic", new Bernoulli samples each time; "fixed", 1 above 0.5; `None`, the
            images as they are, which the likelihood expects to be 0 or 1.
          seed: `int`, of the initial weights of the parts built here and of all noise;
            `None` draws one.
          name: Python `str`.
          **kwargs: `dtype` and the like, for `keras.Model`. The bound is computed in
            float32 at least, whatever the dtype policy.

        Raises:
          TypeError: if `encoder`, `decoder` or `flow` is neither a name nor a layer.
          ValueError: if a size, a name or the output of a part is wrong.
        """
        super().__init__(name=name, **kwargs)
        self.latent_size = numerics.check_size("latent_size", latent_size)
        self.image_shape = tuple(
            numerics.check_size("image_shape", size) for size in image_shape
        )
        self.binarization = image_checks.check_binarization(binarization)
        if seed is None:
            seed = int(np.random.default_rng().integers(2**31))
        self.seed = seed
        self._given = dict(encoder=encoder, decoder=decoder)

        # At least float32, where a sum over pixels is right to less than a nat.
        self._bound_dtype = tf.as_dtype(
            "float64" if self.variable_dtype == "float64" else "float32"
        )
        seeds = [int(s) for s in np.random.SeedSequence(seed).generate_state(4) >> 1]
        dtype = self.dtype_policy
        self.encoder, self._num_features = resolve_encoder(
            encoder, self.image_shape, seed=seeds[0], dtype=dtype
        )
        self.decoder = resolve_decoder(
            decoder, self.latent_size, self.image_shape, seed=seeds[1], dtype=dtype
        )
        self.loc = self._head("loc", seeds[2])
        self.log_scale = self._head("log_scale", seeds[3])
        self.flow, self._is_shared = check_flow(flow)
        # Now and not at the first batch: weights can be counted and loaded at once.
        self.build((None, *self.image_shape))

    def _head(self, name, seed):
        return keras.layers.Dense(
            self.latent_size,
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
            dtype=self._bound_dtype.name,
            name=name,
        )

    def build(self, input_shape):
        """Builds the heads and the flow; the constructor calls it."""
        if self.built:
            return
        dtype = self._bound_dtype.name
        features = keras.KerasTensor([None, self._num_features], dtype)
        for head in (self.loc, self.log_scale):
            head(features)
        if self.flow is not None:
            self._call_flow(keras.KerasTensor([None, self.latent_size], dtype), features)

    # The posterior and the bound.

    def posterior(self, images, *, training=False):
        """The normal q0(z0|x) and the features that the flow depends on.

        Args:
          images: `Tensor` of shape `[B, *image_shape]`, binary.
          training: for the encoder.

        Returns:
          `loc` and `log_scale`, `[B, D]`, and h, `[B, H]`.
        """
        features = tf.cast(self.encoder(images, training=training), self._bound_dtype)
        return self.loc(features), self.log_scale(features), features

    def transform(self, z0, features):
        """Z = f(z0; h) and log|det df/dz0|; without a flow, z0 and 0.

        Args:
          z0: `Tensor` of shape `[..., B, D]`.
          features: h, `Tensor` of shape `[B, H]`.

        Returns:
          z, `[..., B, D]`, and the log-det, `[..., B]`.
        """
        if self.flow is None:
            return z0, tf.zeros(tf.shape(z0)[:-1], z0.dtype)
        z, log_det = self._call_flow(z0, features)
        return tf.cast(z, z0.dtype), tf.cast(log_det, z0.dtype)

    def _call_flow(self, z0, features):
        return self.flow(z0) if self._is_shared else self.flow([z0, features])

    def bound_terms(self, images, *, num_samples=None, seed, training=False):
        """The terms of the ELBO for samples of the posterior.

        Args:
          images: `Tensor` of shape `[B, *image_shape]`, binary.
          num_samples: S, or `None` for one sample without an axis of its own.
          seed: stateless seed.
          training: for the layers.

        Returns:
          log p(x|z) and log q(z|x) - log p(z), `[S, B]` or `[B]`. Their difference is the
          log importance weight of the sample, and in expectation the ELBO of the image.
        """
        loc, log_scale, features = self.posterior(images, training=training)
        samples = [] if num_samples is None else [num_samples]
        shape = tf.concat([tf.constant(samples, tf.int32), tf.shape(loc)], axis=0)
        noise = numerics.stateless_normal(shape, seed, self._bound_dtype)
        noise = tf.ensure_shape(noise, [*samples, *loc.shape])
        z, log_det = self.transform(loc + tf.exp(log_scale) * noise, features)
        logits = self.decode_logits(z, training=training)
        log_likelihood = bernoulli_log_prob(
            tf.cast(images, logits.dtype), logits, len(self.image_shape)
        )
        return log_likelihood, sampled_kl(noise, log_scale, z, log_det)

    def decode_logits(self, z, *, training=False):
        """The logits of p(x|z).

        Args:
          z: `Tensor` of shape `[..., D]`.
          training: for the decoder.

        Returns:
          `Tensor` of shape `[..., *image_shape]`, of float32 at least.
        """
        flat = tf.reshape(z, [-1, self.latent_size])
        logits = tf.cast(self.decoder(flat, training=training), self._bound_dtype)
        return tf.reshape(logits, tf.concat([tf.shape(z)[:-1], self.image_shape], axis=0))

    # What users ask of a model.

    def encode(self, images):
        """The centre of the posterior, f(loc(x); h(x)).

        Args:
          images: `[B, *image_shape]`, intensities in [0, 1]; they are made binary above
            0.5 unless `binarization` is `None`.

        Returns:
          `Tensor` of shape `[B, D]`.
        """
        images = self._as_images(images)
        if self.binarization is not None:
            images = image_checks.binarize(images, "fixed")
        loc, _, features = self.posterior(images)
        return self.transform(loc, features)[0]

    def decode(self, z):
        """The probabilities of the pixels, the mean of p(x|z).

        Args:
          z: `Tensor` of shape `[..., D]`.

        Returns:
          `Tensor` of shape `[..., *image_shape]`.
        """
        z = tf.convert_to_tensor(z, self._bound_dtype)
        numerics.check_event_size(z, self.loc.bias, bijector="FlowVAE", name="loc")
        return tf.sigmoid(self.decode_logits(z))

    def reconstruct(self, images):
        """`decode(encode(images))`, `[B, *image_shape]`."""
        return self.decode(self.encode(images))

    def sample(self, num_samples, *, seed=None):
        """Images of the model: the means of p(x|z) for z ~ p(z).

        Args:
          num_samples: how many.
          seed: `int`, stateless seed, or `None`.

        Returns:
          `Tensor` of shape `[num_samples, *image_shape]`, probabilities.
        """
        shape = [numerics.check_size("num_samples", num_samples), self.latent_size]
        seed = numerics.stateless_seed(seed)
        return self.decode(numerics.stateless_normal(shape, seed, self._bound_dtype))

    def elbo(self, images, *, num_samples=1, batch_size=100, seed=None):
        """The ELBO of each image, the mean over `num_samples` samples of the posterior.

        Args and Raises as those of `importance_log_likelihood`.

        Returns:
          `float64` array of shape `[N]`, in nats.
        """
        weights = self._log_weights(images, num_samples, batch_size, seed)
        return np.concatenate([np.mean(w, axis=0) for w in weights])

    def importance_log_likelihood(
        self, images, num_samples=500, *, batch_size=100, seed=None
    ):
        """Log p(x) of each image, by importance sampling from the posterior.

            log (1/S) sum_s p(x|z_s) p(z_s) / q(z_s|x),   z_s ~ q(z|x),

        in expectation a lower bound of log p(x), above the ELBO, and exact as S grows
        (Burda et al. 2016, eq. 8). Memory is bounded: some thousands of images of samples
        are decoded at a time.

        Args:
          images: array of shape `[N, *image_shape]`, in [0, 1]; made binary first, as
            `binarization` says, once for all samples.
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
        self, images, num_samples=500, *, batch_size=100, seed=None
    ):
        """`elbo` and `importance_log_likelihood` from the same samples, in half the time.

        Args and Raises as those of `importance_log_likelihood`.

        Returns:
          Two `float64` arrays of shape `[N]`, in nats.
        """
        weights = self._log_weights(images, num_samples, batch_size, seed)
        pairs = [(np.mean(w, axis=0), log_mean_exp(w)) for w in weights]
        elbo, log_likelihood = zip(*pairs, strict=True)
        return np.concatenate(elbo), np.concatenate(log_likelihood)

    def _log_weights(self, images, num_samples, batch_size, seed):
        num_samples = numerics.check_size("num_samples", num_samples)
        batch_size = numerics.check_size("batch_size", batch_size)
        images = self._as_images(images)
        numerics.check_size("number of images", images.shape[0])
        seed, binarize_seed = tf.unstack(
            tf.random.experimental.stateless_split(numerics.stateless_seed(seed), 2)
        )
        images = image_checks.binarize(images, self.binarization, binarize_seed)

        def log_weight(batch, count, seed):
            log_likelihood, kl = self.bound_terms(batch, num_samples=count, seed=seed)
            return log_likelihood - kl

        return log_weights(
            log_weight, images, num_samples=num_samples, batch_size=batch_size, seed=seed
        )

    def latent_grid(self, num_points=20, *, coverage=0.99):
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

    def _as_images(self, images):
        image_checks.check_images(images, self.image_shape)
        return tf.cast(images, self._bound_dtype)

    # Saving.

    def get_config(self):
        """The constructor's arguments, as plain values."""
        config = super().get_config()
        parts = dict(self._given, flow=self.flow)
        serialized = {
            name: part
            if part is None or isinstance(part, str)
            else keras.saving.serialize_keras_object(part)
            for name, part in parts.items()
        }
        return dict(
            config,
            latent_size=self.latent_size,
            image_shape=list(self.image_shape),
            binarization=self.binarization,
            seed=self.seed,
            **serialized,
        )

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The model of a `get_config`, with new weights."""
        parts = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects)
            for name in ("encoder", "decoder", "flow")
            if isinstance(config[name], dict)
        }
        return cls(**dict(config, **parts))

    def export(self, filepath, **kwargs):
        """Writes a SavedModel with the endpoints `serve`, `encode` and `decode`.

        `serve` gives reconstructions; images and latent vectors are float32 (float64 for
        a float64 model), of any number.

        Args:
          filepath: folder to write.
          **kwargs: options of `keras.export.ExportArchive.write_out`, such as `verbose`.
        """
        archive = keras.export.ExportArchive()
        archive.track(self)
        dtype = self._bound_dtype
        images = [tf.TensorSpec([None, *self.image_shape], dtype, name="images")]
        z = [tf.TensorSpec([None, self.latent_size], dtype, name="z")]
        archive.add_endpoint("serve", self.reconstruct, input_signature=images)
        archive.add_endpoint("encode", self.encode, input_signature=images)
        archive.add_endpoint("decode", self.decode, input_signature=z)
        archive.write_out(filepath, **kwargs)
