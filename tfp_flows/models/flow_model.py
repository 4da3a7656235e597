"""A Keras model that trains a flow."""

from collections.abc import Callable, Sequence

import keras
import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors, numerics
from tfp_flows.bijectors.live import unknown_to_caches
from tfp_flows.density import as_density
from tfp_flows.models.base import BaseModel
from tfp_flows.models.flow_data import check_data, check_points_alone, target_data


@keras.saving.register_keras_serializable(package="tfp_flows")
class FlowModel(BaseModel):
    """A flow over a standard normal, trained by `compile` and `fit`.

    With layers f_1 .. f_n, the density at x is

    ```none
    log q(x) = log N(z; 0, I) - log|det df/dz|,    f = f_n o ... o f_1,    z = f^-1(x).
    ```

    `fit(x)` maximises the likelihood of data, `-mean log q(x)` is the loss, by the exact
    inverse of the layers. Compiled with `target_log_prob_fn`, `fit(steps_per_epoch=...)`
    minimises the reverse KL divergence to that density ([1], eq. 15) instead, from
    `sample_size` new samples at each step. Either way the weights are Keras weights, and
    callbacks, `tf.data`, XLA, distribution strategies, `.keras` files and checkpoints
    work as for any model.

    Called on points `[..., D]`, the model returns their log density `[...]`, which is
    what `predict` and an exported SavedModel give, too. `sample` draws points, and
    `distribution` is the flow as TFP sees it.

    #### Examples

    ```python
    model = tff.models.FlowModel(2, tff.layers.SharedPlanar(32, seed=0))
    model.compile(keras.optimizers.Adam(1e-3))
    history = model.fit(x, validation_data=x_held_out, epochs=50)   # loss, nll, val_nll
    model.save("flow.keras")

    model.compile(keras.optimizers.Adam(1e-3), target_log_prob_fn=log_prob)
    model.fit(epochs=20, steps_per_epoch=500)                       # loss, elbo
    tff.diagnostics.evaluate(model.distribution(), log_prob)
    ```

    A saved model is loaded by `keras.models.load_model` after `tfp_flows.models` has been
    imported, which registers the classes.

    #### References

    [1]: D. J. Rezende and S. Mohamed. Variational Inference with Normalizing Flows.
         ICML 2015. https://arxiv.org/abs/1505.05770
    """

    def __init__(
        self,
        event_size: int,
        flow_layers: keras.layers.Layer | Sequence[keras.layers.Layer],
        *,
        seed: int | None = None,
        **kwargs: object,
    ) -> None:
        """Builds the model, weights included.

        Args:
          event_size: D, Python `int`.
          flow_layers: a shared flow layer, such as `SharedPlanar(16)`, or a list of them,
            applied first to last; any Keras layer `[..., D] -> [..., D], [...]` with a
            live `bijector` will do.
          seed: Python `int`, seed of the samples that `fit` draws, and of `sample`;
            `None` leaves it to `keras.utils.set_random_seed`.
          **kwargs: `name`, `dtype` and what else `keras.Model` takes.

        Raises:
          ValueError: if `event_size` is no integer >= 1, or `flow_layers` is empty.
          TypeError: if a layer is no flow layer, or of another dtype than the first.
        """
        # The points stay as they are, whatever the dtype of computations.
        super().__init__(
            seed=seed, metric_names=("nll", "elbo"), autocast=False, **kwargs
        )
        self.event_size = numerics.check_size("event_size", event_size)
        if not isinstance(flow_layers, list | tuple):
            flow_layers = [flow_layers]
        _check_flow_layers(flow_layers)
        self.flow_layers = list(flow_layers)
        self._train_seed = numerics.stateless_seed(self.seed)
        self._seed_generator = keras.random.SeedGenerator(self.seed)
        self._target_log_prob_fn = None
        self.build((None, self.event_size))

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
        return flow.log_prob(unknown_to_caches(tf.cast(x, flow.dtype)))

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

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        *,
        target_log_prob_fn: Callable[[tf.Tensor], tf.Tensor] | None = None,
        sample_size: int = 256,
        annealing_fn: Callable[[tf.Tensor], npt.ArrayLike] | None = None,
        **kwargs: object,
    ) -> None:
        """Says what `fit` minimises, and how.

        Args:
          optimizer: Keras optimizer, or the name of one.
          target_log_prob_fn: callable, `Tensor` of shape `[S, D]` to `[S]`, a log density
            up to a constant: `fit` then minimises the reverse KL to it. `None` is maximum
            likelihood of the data that `fit` is given. It is saved with the model if it
            is registered with `keras.saving.register_keras_serializable`; otherwise a
            loaded model is to be compiled again.
          sample_size: S, samples per step of the reverse KL.
          annealing_fn: callable, scalar integer step to the scalar weight of the target
            in the loss, such as `tff.vi.linear_annealing(num_steps)`; `None` is 1. The
            metric `elbo` has weight 1 always.
          **kwargs: `jit_compile`, `steps_per_execution`, `run_eagerly` and
            `auto_scale_loss`, as of `keras.Model.compile`.

        Raises:
          TypeError: if a function is not callable, or an argument is unknown: a flow has
            no other loss or metrics.
          ValueError: if `sample_size` is no integer >= 1, or `annealing_fn` is given
            without a target.
        """
        unknown = set(kwargs) - _COMPILE_ARGUMENTS
        if unknown:
            raise TypeError(
                f"FlowModel.compile has no argument {', '.join(sorted(unknown))}: its "
                "loss and metrics are those of a flow. Pass target_log_prob_fn for the "
                "reverse KL."
            )
        functions = dict(target_log_prob_fn=target_log_prob_fn, annealing_fn=annealing_fn)
        for name, value in functions.items():
            if value is not None and not callable(value):
                raise TypeError(f"`{name}` must be callable or None, but got {value!r}.")
        if annealing_fn is not None and target_log_prob_fn is None:
            raise ValueError(
                "`annealing_fn` weighs the target, but there is no `target_log_prob_fn`; "
                "leave it out for maximum likelihood."
            )
        self._sample_size = numerics.check_size("sample_size", sample_size)
        self._target_log_prob_fn = target_log_prob_fn
        self._annealing_fn = annealing_fn
        super().compile(optimizer, **kwargs)

    def fit(
        self, x: object = None, y: None = None, **kwargs: object
    ) -> keras.callbacks.History:
        """Trains the flow; see `keras.Model.fit`.

        Args:
          x: data of shape `[N, D]`, or a `tf.data.Dataset` (or other source that Keras
            takes) of batches `[B, D]`; `None` with a `target_log_prob_fn`.
          y: nothing: a flow has no labels.
          **kwargs: as of `keras.Model.fit`; with a target, `steps_per_epoch` says how
            many steps an epoch has.

        Returns:
          `keras.callbacks.History` of `loss` and `nll` (data) or `elbo` (target), in
          nats, means over the epoch; of data also `val_loss`, `val_nll`.

        Raises:
          TypeError: if the data are not floating-point.
          ValueError: if the data are missing, not wanted, not finite or of another
            shape, or the target fails, or returns another shape or dtype, NaN or +inf at
            its first evaluation.
        """
        self._check_compiled("fit")
        if self._target_log_prob_fn is None:
            check_points_alone("fit", y, kwargs)
            check_data("fit", x, self.event_size)
            validation = kwargs.get("validation_data")
            if isinstance(validation, tuple):
                check_points_alone("validation_data", *validation[1:2] or [None])
                validation = validation[0]
            if validation is not None:
                check_data("validation_data", validation, self.event_size)
        else:
            x = target_data("fit", x, y, kwargs, "steps_per_epoch", self._sample_size)
            kwargs["shuffle"] = False  # of stand-ins; Keras would warn
            # With a seed of its own: a check must not change the samples of the fit.
            points = self.sample(self._sample_size, seed=0)
            density = as_density(self._target_log_prob_fn)
            density.check(points)
            density.check_gradient(points)
        return super().fit(x, **kwargs)

    def evaluate(
        self, x: object = None, y: None = None, **kwargs: object
    ) -> list[float] | dict[str, float]:
        """Loss and metrics on data, or on new samples; see `keras.Model.evaluate`.

        Args:
          x: as of `fit`.
          y: nothing.
          **kwargs: as of `keras.Model.evaluate`; with a target, `steps` says how many
            times `sample_size` samples are drawn.

        Returns:
          `[loss, nll]` or `[loss, elbo]`; with `return_dict=True`, a dict.

        Raises:
          TypeError, ValueError: as of `fit`.
        """
        self._check_compiled("evaluate")
        if self._target_log_prob_fn is None:
            check_points_alone("evaluate", y, kwargs)
            check_data("evaluate", x, self.event_size)
        else:
            x = target_data("evaluate", x, y, kwargs, "steps", self._sample_size)
        return super().evaluate(x, **kwargs)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The loss, and the negative log-likelihood or the evidence lower bound."""
        unused = "elbo" if self._target_log_prob_fn is None else "nll"
        return [metric for metric in super().metrics if metric.name != unused]

    def export(self, filepath: str, *args: object, **kwargs: object) -> None:
        """Exports `log_prob` as a SavedModel; see `keras.Model.export`."""
        self(tf.zeros([1, self.event_size]))  # Keras exports what has been called
        return super().export(filepath, *args, **kwargs)

    def get_config(self) -> dict[str, object]:
        """The arguments of the constructor, for `from_config`."""
        layers = [keras.saving.serialize_keras_object(f) for f in self.flow_layers]
        config = dict(event_size=self.event_size, flow_layers=layers, seed=self.seed)
        return config | dict(
            name=self.name,
            trainable=self.trainable,
            dtype=keras.saving.serialize_keras_object(self.dtype_policy),
        )

    @classmethod
    def from_config(
        cls,
        config: dict[str, object],
        custom_objects: dict[str, object] | None = None,
    ) -> "FlowModel":
        """The model of `get_config`, with new weights."""
        layers = [
            keras.saving.deserialize_keras_object(layer, custom_objects=custom_objects)
            for layer in config["flow_layers"]
        ]
        return cls(**config | dict(flow_layers=layers))

    def own_compile_arguments(self) -> dict[str, object]:
        """The arguments of `compile` that are the model's own."""
        return dict(
            sample_size=self._sample_size,
            target_log_prob_fn=self._target_log_prob_fn,
            annealing_fn=self._annealing_fn,
        )

    def step_terms(
        self, x: tf.Tensor, seed: tf.Tensor, *, training: bool
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """-log q(x); with a target, log q - beta log p of as many new samples as `x`."""
        if self._target_log_prob_fn is None:
            nll = -self.log_prob(x)
            return nll, dict(nll=nll)
        flow = self.distribution()
        samples, log_q = flow.experimental_sample_and_log_prob(tf.shape(x)[0], seed=seed)
        log_p = tf.cast(self._target_log_prob_fn(samples), flow.dtype)
        beta = 1.0
        if self._annealing_fn is not None and training:
            step = tf.cast(tf.convert_to_tensor(self.optimizer.iterations), tf.int32)
            beta = tf.cast(self._annealing_fn(step), flow.dtype)
        return log_q - beta * log_p, dict(elbo=log_p - log_q)

    def _check_compiled(self, method: str) -> None:
        if not self.compiled:
            raise ValueError(
                f"FlowModel.{method} needs a compiled model; call compile(optimizer) for "
                "maximum likelihood, or compile(optimizer, target_log_prob_fn=...) for "
                "the reverse KL."
            )


_COMPILE_ARGUMENTS = {
    "jit_compile",
    "steps_per_execution",
    "run_eagerly",
    "auto_scale_loss",
}


def _check_flow_layers(flow_layers: Sequence[keras.layers.Layer]) -> None:
    """Raises unless these are layers with a bijector, of one dtype."""
    if not flow_layers:
        raise ValueError("`flow_layers` must have at least one flow layer, but is empty.")
    for layer in flow_layers:
        if not isinstance(layer, keras.layers.Layer) or not hasattr(
            type(layer), "bijector"
        ):
            raise TypeError(
                "`flow_layers` must be shared flow layers with a `bijector`, such as "
                f"tff.layers.SharedPlanar(16), but got {layer!r}."
            )
    dtypes = {layer.variable_dtype for layer in flow_layers}
    if len(dtypes) > 1:
        raise TypeError(
            f"`flow_layers` must share one dtype, but have {', '.join(sorted(dtypes))}; "
            "pass the same `dtype` to each."
        )
