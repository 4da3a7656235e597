"""A Keras model of conditional densities."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows import bijectors, numerics
from tfp_flows.layers import Amortized, AmortizedRadial
from tfp_flows.layers.checks import check_num_weights
from tfp_flows.models.base import BaseModel
from tfp_flows.models.examples import Pairs, as_tensor
from tfp_flows.models.networks import mlp_encoder
from tfp_flows.models.parts import amortized_layers, features_size
from tfp_flows.models.sources import checked_batches
from tfp_flows.models.standardize import Standardize

# softplus(x) = 1 here.
_ONE = float(np.log(np.e - 1.0))


@keras.saving.register_keras_serializable(package="tfp_flows")
class ConditionalFlow(BaseModel):
    """A density p(y | x): a flow whose parameters come from x by a network.

    With h = network(x), a location and a scale linear in h (the scale through softplus),
    and amortised layers f_1 .. f_n,

    ```none
    z = f(v; h),    v = (y - loc(h)) / scale(h),    f = f_n o ... o f_1,
    log p(y | x) = log N(z; 0, I) + log|det df/dv| - sum log scale(h).
    ```

    The layers map points to the base, as in [1, 2]: a density, which is what training
    needs, is one pass through them, and samples are drawn by their exact inverse. With
    `invert=False`, the default of radial layers, it is the other way around, `v = f(z;
    h)`. At first the layers are near
    the identity, and p(y | x) is near a standard normal in units of `adapt`. Without
    layers, p(y | x) is a normal with location and scale from x.

    `fit(x, y)` minimises `-mean log p(y | x)`, in nats, in the units of y. Called on
    `[x, y]`, the model returns the log densities, which is what `predict([x, y])` and an
    exported SavedModel give, too.

    #### Example

    ```python
    model = tff.models.ConditionalFlow(1, [10], tff.layers.AmortizedSylvester(8), seed=0)
    model.adapt(x, y)                                    # x: [N, 10], y: [N, 1]
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(x, y, validation_data=(x_val, y_val), epochs=50)   # loss, nll, val_nll
    model.log_prob(x_test, y_test)                       # [N]
    model.sample(x_test, 100, seed=1)                    # [100, N, 1]
    model.distribution(x_test)                # TFP's, batch shape [N], event shape [1]
    ```

    #### References

    [1]: B. L. Trippe and R. E. Turner. Conditional Density Estimation with Bayesian
         Normalising Flows. 2018. https://arxiv.org/abs/1802.04908
    [2]: J. Rothfuss, F. Ferreira, S. Walther and M. Ulrich. Conditional Density
         Estimation with Neural Networks: Best Practices and Benchmarks. 2019.
         https://arxiv.org/abs/1903.00954
    """

    own_loss = "its loss is the negative log density of y given x."

    def __init__(
        self,
        event_size: int,
        x_shape: Sequence[int],
        flow_layers: Amortized | Sequence[Amortized],
        *,
        network: keras.Layer | None = None,
        invert: bool | None = None,
        seed: int | None = None,
        **kwargs: object,
    ) -> None:
        """Builds the model, weights included.

        Args:
          event_size: D, the size of y, Python `int`.
          x_shape: shape of one x, such as `[10]`.
          flow_layers: an amortised flow layer, such as `AmortizedSylvester(8)`, or a list
            of them, applied first to last; an empty one makes a normal.
          network: Keras layer or model from x, `[B, *x_shape]`, to features h, `[B, H]`;
            `None` is a perceptron with two layers of 64 ReLUs.
          invert: whether the layers map points to the base (`True`: densities are cheap),
            or the base to points (`False`: samples are). `None` is `False` for radial
            layers, whose inverse is a closed form, and which fit better that way in
            D > 1, and `True` for others.
          seed: Python `int`, seed of the initial weights of the default network and of
            the location and scale, and of `sample`; `None` leaves it to
            `keras.utils.set_random_seed`. Layers have seeds of their own.
          **kwargs: `name`, `dtype` and what else `keras.Model` takes.

        Raises:
          ValueError: if `event_size` is no integer >= 1, `x_shape` no sequence of them,
            or the network does not give vectors.
          TypeError: if `network` is no layer, or a flow layer is not amortised, or of
            another dtype than the model.
        """
        # x and y stay as they are, whatever the dtype of computations.
        super().__init__(seed=seed, metric_names=("nll",), autocast=False, **kwargs)
        self.event_size = numerics.check_size("event_size", event_size)
        self.x_shape = numerics.check_shape("x_shape", x_shape, least_ndims=1)
        self.flow_layers = amortized_layers(flow_layers, self.variable_dtype)
        if invert is None:
            are_radial = [isinstance(f, AmortizedRadial) for f in self.flow_layers]
            invert = not (are_radial and all(are_radial))
        self.invert = bool(invert)
        self._given_network = network
        low_seed = numerics.unsigned_seed(self.seed, 32)
        self.network = network or mlp_encoder(
            self.x_shape, hidden_sizes=(64, 64), seed=low_seed, dtype=self.dtype_policy
        )
        self.standardize_x = Standardize(dtype=self.variable_dtype)
        self.standardize_y = Standardize(dtype=self.variable_dtype)
        self.loc_and_scale = keras.layers.Dense(
            2 * self.event_size,
            kernel_initializer=keras.initializers.VarianceScaling(0.01, seed=low_seed),
            # Location 0 and scale 1.
            bias_initializer=lambda shape, dtype=None: tf.cast(
                tf.repeat([0.0, _ONE], self.event_size), dtype
            ),
            dtype=self.variable_dtype,
        )
        self._seed_generator = keras.random.SeedGenerator(low_seed)
        self.build([(None, *self.x_shape), (None, self.event_size)])

    def build(self, input_shape: list) -> None:
        """Makes the weights."""
        h_size = features_size("network", "x", self.network, self.x_shape)
        y_shape, h_shape = (None, self.event_size), (None, h_size)
        check_num_weights("The layer loc_and_scale", 2 * self.event_size * h_size)
        self.standardize_x.build((None, *self.x_shape))
        self.standardize_y.build(y_shape)
        self.loc_and_scale.build(h_shape)
        for layer in self.flow_layers:
            if not layer.built:
                layer.build([y_shape, h_shape])
        self.built = True

    @property
    def examples(self) -> Pairs:
        """What is asked of x and y."""
        return Pairs(self.x_shape, self.event_size)

    def adapt(self, x: Any, y: npt.ArrayLike | None = None) -> None:
        """Makes the mean and standard deviation of data the units of x and y.

        Call it once, before `fit`, on the data to train on: networks and layers start
        for numbers of order 1. Densities and samples stay those of y itself.

        Args:
          x: `[N, *x_shape]`, or a `tf.data.Dataset` of batches `(x, y)`. Of x, the
            moments are those of the entries of the last axis.
          y: `[N, D]`, beside an array x.

        Raises:
          TypeError, ValueError: as of `fit`.
        """
        xs, ys = checked_batches("adapt", self.examples, x, y)
        self.standardize_x.set_to(xs)
        self.standardize_y.set_to(ys)

    def distribution(
        self, x: npt.ArrayLike, *, training: bool = False
    ) -> tfd.TransformedDistribution:
        """The densities p(y | x) at the present weights.

        Args:
          x: `[B, *x_shape]`.
          training: for the network.

        Returns:
          `tfd.TransformedDistribution` of batch shape `[B]` and event shape `[D]`.

        Raises:
          ValueError: if `x` has another shape.
        """
        given = as_tensor("ConditionalFlow", "x", x, self.variable_dtype)
        if not given.shape.is_compatible_with([None, *self.x_shape]):
            raise ValueError(
                "This ConditionalFlow needs x of shape [B, "
                f"{', '.join(map(str, self.x_shape))}], but got shape {given.shape}."
            )
        h = self.network(self.standardize_x(given), training=training)
        h = tf.cast(h, self.variable_dtype)
        parts = [layer.bijector_at(h) for layer in self.flow_layers]
        if parts and self.invert:
            parts = [tfp.bijectors.Invert(bijectors.chain(parts))]
        loc, scale = tf.split(self.loc_and_scale(h), 2, axis=-1)
        unit = self.standardize_y.scale
        parts += [
            tfp.bijectors.Scale(
                log_scale=numerics.log_softplus(scale) + tf.math.log(unit)
            ),
            tfp.bijectors.Shift(loc * unit + self.standardize_y.mean),
        ]
        return tfd.TransformedDistribution(
            numerics.standard_normal(self.event_size, h.dtype, tf.shape(h)[:1]),
            bijectors.chain(parts),
        )

    def log_prob(
        self, x: npt.ArrayLike, y: npt.ArrayLike, *, training: bool = False
    ) -> tf.Tensor:
        """Log p(y | x), in nats.

        Args:
          x: `[B, *x_shape]`.
          y: `[..., B, D]`; if D is 1, also `[B]`. The batch axes broadcast: with one x,
            `[1, *x_shape]`, y may be a grid `[N, D]`.
          training: for the network.

        Returns:
          `Tensor` of shape `[..., B]`.

        Raises:
          ValueError: if the shapes do not fit.
        """
        density = self.distribution(x, training=training)
        points = as_tensor("log_prob", "y", y, density.dtype)
        if self.event_size == 1 and points.shape.rank == 1:
            points = points[:, tf.newaxis]
        self.examples.check_beside(density.batch_shape, points.shape)
        return density.log_prob(points)

    def sample(
        self,
        x: npt.ArrayLike,
        num_samples: int,
        seed: int | npt.ArrayLike | None = None,
    ) -> tf.Tensor:
        """Draws points y of p(y | x).

        Args:
          x: `[B, *x_shape]`.
          num_samples: S, how many for each x.
          seed: `int` or stateless TFP seed; `None` takes the next of the model's own.

        Returns:
          `Tensor` of shape `[S, B, D]`.
        """
        if seed is None:
            seed = tf.cast(self._seed_generator.next(), tf.int32)
        num_samples = numerics.check_size("num_samples", num_samples)
        seed = numerics.stateless_seed(seed)
        return self.distribution(x).sample(num_samples, seed=seed)

    def call(self, inputs: list, training: bool = False) -> tf.Tensor:
        """Log p(y | x) of `[x, y]`, a `Tensor` of shape `[B]`."""
        x, y = inputs
        return self.log_prob(x, y, training=training)

    def compute_output_spec(
        self, inputs: list, training: bool = False
    ) -> keras.KerasTensor:
        """The symbolic log density."""
        return keras.KerasTensor(inputs[0].shape[:1], dtype=self.variable_dtype)

    def export(self, filepath: str, *args: object, **kwargs: object) -> None:
        """Exports `log_prob` as a SavedModel; see `keras.Model.export`."""
        # Keras exports what has been called.
        self([tf.zeros([1, *self.x_shape]), tf.zeros([1, self.event_size])])
        return super().export(filepath, *args, **kwargs)

    def step_terms(
        self, x: tf.Tensor, y: tf.Tensor, seed: tf.Tensor, *, training: bool
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """-log p(y | x)."""
        del seed  # of samples
        nll = -self.log_prob(x, y, training=training)
        return nll, dict(nll=nll)

    def own_arguments(self) -> dict[str, object]:
        """The arguments of the constructor that `keras.Model` does not know."""
        return dict(
            event_size=self.event_size,
            x_shape=list(self.x_shape),
            flow_layers=self.flow_layers,
            network=self._given_network,
            invert=self.invert,
            seed=self.seed,
        )
