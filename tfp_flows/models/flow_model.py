"""A Keras model that trains a flow."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors, numerics
from tfp_flows.bijectors.live import unknown_to_caches
from tfp_flows.models.base import BaseModel
from tfp_flows.models.examples import Points, as_tensor
from tfp_flows.models.flow_objectives import MaximumLikelihood, ReverseKL, flow_objective
from tfp_flows.models.parts import check_flow_layers

Target: TypeAlias = Callable[[tf.Tensor], tf.Tensor] | tfp.distributions.Distribution


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

    own_loss = (
        "its loss and metrics are those of a flow. Pass target_log_prob_fn for the "
        "reverse KL."
    )

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
        check_flow_layers(flow_layers)
        self.flow_layers = list(flow_layers)
        self._train_seed = numerics.stateless_seed(self.seed)
        self._seed_generator = keras.random.SeedGenerator(
            numerics.unsigned_seed(self.seed, 32)
        )
        self._objective: MaximumLikelihood | ReverseKL = MaximumLikelihood(
            self.event_size
        )
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

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        *,
        target_log_prob_fn: Target | None = None,
        sample_size: int = 256,
        annealing_fn: Callable[[tf.Tensor], npt.ArrayLike] | None = None,
        **kwargs: object,
    ) -> None:
        """Says what `fit` minimises, and how.

        Args:
          optimizer: Keras optimizer, or the name of one.
          target_log_prob_fn: callable, `Tensor` of shape `[S, D]` to `[S]`, a log density
            up to a constant, or a distribution: `fit` then minimises the reverse KL to
            it. `None` is maximum likelihood of the data that `fit` is given. It is saved
            with the model if it is a function registered with `keras.saving.
            register_keras_serializable`; otherwise compile a loaded model again.
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
        objective = flow_objective(
            self.event_size, target_log_prob_fn, sample_size, annealing_fn
        )
        super().compile(optimizer, **kwargs)
        self._objective = objective

    def fit(
        self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any
    ) -> keras.callbacks.History:
        """Trains the flow; see `keras.Model.fit`.

        Args:
          x: data of shape `[N, D]`, or a data frame, or a `tf.data.Dataset`, `keras.
            utils.PyDataset` or generator of batches `[B, D]`; with weights, of batches
            `(x, None, weights)`. `None` with a `target_log_prob_fn`.
          y: nothing: a flow has no labels.
          *args: as of `keras.Model.fit`.
          **kwargs: as of `keras.Model.fit`, such as `sample_weight`, `[N]`; with a
            target, `steps_per_epoch` says how many steps an epoch has.

        Returns:
          `keras.callbacks.History` of `loss` and `nll` (data) or `elbo` (target), in
          nats, means over the epoch; of data also `val_loss`, `val_nll`. With weights,
          `nll` is a weighted mean, and `loss` that times the mean of the weights.

        Raises:
          TypeError: if the data are not floating-point, or no source of points.
          ValueError: if the data are missing, not wanted, not finite or of another
            shape, or the target fails, or returns another shape or dtype, NaN or +inf at
            its first evaluation.
        """
        x = self._data("fit", x, y, kwargs)
        if isinstance(self._objective, ReverseKL):
            kwargs["shuffle"] = False  # of stand-ins; Keras would warn
            self._objective.check(self)
        return super().fit(x, y, *args, **kwargs)

    def evaluate(
        self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any
    ) -> list[float] | dict[str, float]:
        """`[loss, nll]` or `[loss, elbo]` in nats; see `keras.Model.evaluate`.

        Args:
          x: data of any kind that `fit` takes; `None` with a `target_log_prob_fn`.
          y: nothing: a flow has no labels.
          *args: as of `keras.Model.evaluate`.
          **kwargs: as of `keras.Model.evaluate`, such as `sample_weight`, `[N]`; with a
            target, `steps` says how many times `sample_size` samples are drawn.

        Returns:
          A list, the loss first; with `return_dict=True`, a dict.

        Raises:
          TypeError: if the data are not floating-point, or no source of points.
          ValueError: if the data are missing, not wanted, not finite or of another shape.
        """
        x = self._data("evaluate", x, y, kwargs)
        return super().evaluate(x, y, *args, **kwargs)

    def _data(self, method: str, x: Any, y: Any, arguments: dict) -> Any:
        if not self.compiled:
            raise ValueError(
                f"FlowModel.{method} needs a compiled model; call compile(optimizer) for "
                "maximum likelihood, or compile(optimizer, target_log_prob_fn=...) for "
                "the reverse KL."
            )
        return self._objective.data(method, x, y, arguments)

    @property
    def examples(self) -> Points | None:
        """What is asked of data; `None` with a target."""
        return self._objective.examples

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The loss, and the negative log-likelihood or the evidence lower bound."""
        return [self._trackers[name] for name in ("loss", self._objective.metric)]

    def export(self, filepath: str, *args: object, **kwargs: object) -> None:
        """Exports `log_prob` as a SavedModel; see `keras.Model.export`."""
        self(tf.zeros([1, self.event_size]))  # Keras exports what has been called
        return super().export(filepath, *args, **kwargs)

    def own_arguments(self) -> dict[str, object]:
        """The arguments of the constructor that `keras.Model` does not know."""
        return dict(
            event_size=self.event_size, flow_layers=list(self.flow_layers), seed=self.seed
        )

    def own_compile_arguments(self) -> dict[str, object]:
        """The arguments of `compile` that are the model's own."""
        return self._objective.arguments

    def step_terms(
        self, x: tf.Tensor, y: tf.Tensor | None, seed: tf.Tensor, *, training: bool
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Those of the objective."""
        del y  # a flow has no labels
        step = tf.convert_to_tensor(self.optimizer.iterations) if training else None
        return self._objective.terms(self, x, seed, step)
