"""A variational autoencoder whose posterior is a flow."""

import types
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.layers.checks import check_num_weights
from tfp_flows.models.bound import image_log_prob, sampled_kl
from tfp_flows.models.images import binarize, resolve_binarization
from tfp_flows.models.likelihoods import Likelihood
from tfp_flows.models.networks import outputs_shape
from tfp_flows.models.parts import (
    check_flow,
    resolve_decoder,
    resolve_encoder,
    resolve_likelihood,
)
from tfp_flows.models.vae_queries import VAEQueries


@keras.saving.register_keras_serializable(package="tfp_flows")
class FlowVAE(VAEQueries):
    """A variational autoencoder whose posterior is a flow [1, 2].

        z0 ~ q0(z0|x) = Normal(loc(x), scale(x)),   z = f(z0; h(x))
        log q(z|x) = log q0(z0|x) - log|det df/dz0|
        ELBO(x) = E[log p(x|z) + log p(z) - log q(z|x)],   p(z) = Normal(0, 1),

    with a Bernoulli, Gaussian or categorical likelihood p(x|z) of the pixels. The flow is
    used in its forward direction alone. Training minimises `-E[log p(x|z)] + beta KL`,
    one sample per image; `beta` is 1 but for `KLWarmUp`.

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
    whatever `beta` is. With `sample_weight`, the metrics are weighted means, and `loss`
    is that times the mean of the weights.

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

    own_loss = "its loss and metrics are those of its own bound."

    def __init__(
        self,
        latent_size: int,
        image_shape: Sequence[int],
        *,
        encoder: str | keras.Layer = "mlp",
        decoder: str | keras.Layer = "mlp",
        flow: keras.Layer | None = None,
        likelihood: str | Likelihood = "bernoulli",
        binarization: str | None = "auto",
        seed: int | None = None,
        name: str = "flow_vae",
        **kwargs: object,
    ) -> None:
        """Builds the model with its weights.

        Args:
          latent_size: D.
          image_shape: shape of an image, such as `(28, 28)` or `(28, 28, 1)`.
          encoder: "mlp" (512-256), "gated_conv" (van den Berg et al.), or a Keras layer
            or model, images `[B, *image_shape]` to features h `[B, H]`.
          decoder: "mlp" (256-512), "gated_conv", or a Keras layer or model, latent
            vectors `[B, D]` to the `num_outputs` of the likelihood per pixel: logits,
            `[B, *image_shape]` or `[B, number of pixels]`, for a Bernoulli one.
          flow: `None`, a layer of `tff.layers`, or a Keras layer like them: called as
            `flow([z0, h])`, or as `flow(z0)` if it is a `Shared` one, it returns
            `(z, log_det)`.
          likelihood: p(x|z) of a pixel: "bernoulli", of intensities in [0, 1];
            "gaussian", of any finite numbers, with one learned scale; "categorical", of
            integers 0 to 255, bytes; or a `Likelihood`, such as
            `GaussianLikelihood(0.1, trainable=False)` or `CategoricalLikelihood(16)`.
          binarization: what training and evaluation make of intensities in [0, 1] for a
            Bernoulli likelihood: "dynamic", new Bernoulli samples each time; "fixed", 1
            above 0.5; `None`, the images as they are, which the likelihood expects to be
            0 or 1. "auto" is "dynamic", or `None` with another likelihood.
          seed: `int`, of the initial weights of the parts built here and of all noise;
            `None` draws one.
          name: Python `str`.
          **kwargs: `dtype` and the like, for `keras.Model`. The bound is computed in
            float32 at least, whatever the dtype policy.

        Raises:
          TypeError: if `encoder`, `decoder`, `flow` or `likelihood` is neither a name nor
            a layer of its kind.
          ValueError: if a size, a name or the output of a part is wrong, or images are to
            be made binary for another likelihood than a Bernoulli one.
        """
        metric_names = ("elbo", "reconstruction", "kl", "beta")
        super().__init__(seed=seed, metric_names=metric_names, name=name, **kwargs)
        # State of a fit and no weight, which Keras would make of an attribute: a file
        # that a callback wrote in the warm-up goes on at full weight without one.
        self._fit_state = types.SimpleNamespace(
            beta=tf.Variable(1.0, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
        )
        self.latent_size = numerics.check_size("latent_size", latent_size)
        self.image_shape = numerics.check_shape("image_shape", image_shape, least_ndims=1)
        self._given = dict(encoder=encoder, decoder=decoder, likelihood=likelihood)

        # At least float32, where a sum over pixels is right to less than a nat.
        self._bound_dtype = tf.as_dtype(
            "float64" if self.variable_dtype == "float64" else "float32"
        )
        self.likelihood = resolve_likelihood(likelihood, dtype=self._bound_dtype.name)
        self._image_dtype = self.likelihood.image_dtype or self._bound_dtype
        self.binarization = resolve_binarization(binarization, self.likelihood)
        num_outputs = self.likelihood.num_outputs
        self._outputs_shape = outputs_shape(self.image_shape, num_outputs)
        sequence = np.random.SeedSequence(numerics.unsigned_seed(self.seed, 64))
        seeds = [int(s) for s in sequence.generate_state(4) >> 1]
        dtype = self.dtype_policy
        self.encoder, self._num_features = resolve_encoder(
            encoder, self.image_shape, seed=seeds[0], dtype=dtype
        )
        self.decoder = resolve_decoder(
            decoder,
            self.latent_size,
            self.image_shape,
            num_outputs,
            seed=seeds[1],
            dtype=dtype,
        )
        self.loc = self._head("loc", seeds[2])
        self.log_scale = self._head("log_scale", seeds[3])
        self.flow, self._is_shared = check_flow(flow)
        # Now and not at the first batch: weights can be counted and loaded at once.
        self.build((None, *self.image_shape))

    def _head(self, name: str, seed: int) -> keras.Layer:
        check_num_weights(f"The layer {name}", self._num_features * self.latent_size)
        return keras.layers.Dense(
            self.latent_size,
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
            dtype=self._bound_dtype.name,
            name=name,
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds the heads and the flow; the constructor calls it."""
        if self.built:
            return
        dtype = self._bound_dtype.name
        features = keras.KerasTensor([None, self._num_features], dtype)
        for head in (self.loc, self.log_scale):
            head(features)
        if self.flow is not None:
            self._call_flow(keras.KerasTensor([None, self.latent_size], dtype), features)

    def posterior(
        self, images: tf.Tensor, *, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The normal q0(z0|x) and the features that the flow depends on.

        Args:
          images: `Tensor` of shape `[B, *image_shape]`, as the likelihood takes them.
          training: for the encoder.

        Returns:
          `loc` and `log_scale`, `[B, D]`, and h, `[B, H]`.
        """
        seen = self.likelihood.encoder_input(images)
        features = tf.cast(self.encoder(seen, training=training), self._bound_dtype)
        return self.loc(features), self.log_scale(features), features

    def transform(
        self, z0: tf.Tensor, features: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
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

    def _call_flow(self, z0: tf.Tensor, features: tf.Tensor) -> list[tf.Tensor]:
        return self.flow(z0) if self._is_shared else self.flow([z0, features])

    def bound_terms(
        self,
        images: tf.Tensor,
        *,
        num_samples: int | None = None,
        seed: tf.Tensor,
        training: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The terms of the ELBO for samples of the posterior.

        Args:
          images: `Tensor` of shape `[B, *image_shape]`, as the likelihood takes them.
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
        log_likelihood = image_log_prob(
            self.likelihood,
            tf.cast(images, self._image_dtype),
            self.decode_logits(z, training=training),
            len(self.image_shape),
        )
        return log_likelihood, sampled_kl(noise, log_scale, z, log_det)

    @property
    def beta(self) -> tf.Variable:
        """The weight of the KL term in the next step, 1 but for `KLWarmUp`."""
        return self._fit_state.beta

    def step_terms(
        self, x: tf.Tensor, y: tf.Tensor | None, seed: tf.Tensor, *, training: bool
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Beta KL - log p(x|z), at beta = 1 in an evaluation, and its terms."""
        del y  # labels of images are not looked at
        images = tf.cast(x, self._image_dtype)
        seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
        images = binarize(images, self.binarization, seeds[0])
        log_likelihood, kl = self.bound_terms(images, seed=seeds[1], training=training)
        beta = tf.cast(self.beta if training else 1.0, kl.dtype)
        return beta * kl - log_likelihood, dict(
            elbo=log_likelihood - kl,
            reconstruction=log_likelihood,
            kl=kl,
            beta=tf.fill(tf.shape(kl), beta),
        )

    def own_arguments(self) -> dict[str, object]:
        """The arguments of the constructor that `keras.Model` does not know."""
        return dict(
            self._given,
            latent_size=self.latent_size,
            image_shape=list(self.image_shape),
            flow=self.flow,
            binarization=self.binarization,
            seed=self.seed,
        )
