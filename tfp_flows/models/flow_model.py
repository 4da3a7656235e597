"""A Keras model that trains a flow."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.models.examples import Points
from tfp_flows.models.flow_objectives import MaximumLikelihood, flow_objective
from tfp_flows.models.layered_flow import LayeredFlow
from tfp_flows.models.parts import check_flow_layers
from tfp_flows.models.reverse_kl import ReverseKL

Target: TypeAlias = Callable[[tf.Tensor], tf.Tensor] | tfp.distributions.Distribution


@keras.saving.register_keras_serializable(package="tfp_flows")
class FlowModel(LayeredFlow):
    """A flow over a standard normal, trained by `compile` and `fit`.

    With layers f_1 .. f_n, the density at x is

    ```none
    log q(x) = log N(z; 0, I) - log|det df/dz|,    f = f_n o ... o f_1,    z = f^-1(x).
    ```

    `fit(x)` maximises the likelihood of data, `-mean log q(x)` is the loss, by the exact
    inverse of the layers. Compiled with `target_log_prob_fn`, `fit(steps_per_epoch=...)`
    minimises the reverse KL divergence to that density ([1], eq. 15) instead, from
    `sample_size` new samples at each step; compiled with `log_prior_fn` and
    `log_likelihood_fn`, `fit(rows)` that to the posterior given the rows, from a batch of
    them at each step. Always the weights are Keras weights, and callbacks, `tf.data`,
    XLA, distribution strategies, `.keras` files and checkpoints work as for any model.

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

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        *,
        target_log_prob_fn: Target | None = None,
        log_prior_fn: Callable[[tf.Tensor], tf.Tensor] | None = None,
        log_likelihood_fn: Callable[[tf.Tensor, Any], tf.Tensor] | None = None,
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
          log_prior_fn: callable, `Tensor` of shape `[S, D]` to `[S]`, with a
            `log_likelihood_fn` in place of a target: `fit(rows)` then minimises the
            reverse KL to the posterior given the rows of data, which each step's batch
            estimates without bias, see `tff.density.RowwisePosterior`.
          log_likelihood_fn: callable of points `[S, D]` and B rows to the log likelihood
            of each row, `[S, B]`, or their sum `[S]`. Saved like a target.
          sample_size: S, samples per step of the reverse KL.
          annealing_fn: callable, scalar integer step to the scalar weight of the target
            in the loss, such as `tff.vi.linear_annealing(num_steps)`; `None` is 1. The
            metric `elbo` has weight 1 always.
          **kwargs: `jit_compile`, `steps_per_execution`, `run_eagerly` and
            `auto_scale_loss`, as of `keras.Model.compile`.

        Raises:
          TypeError: if a function is not callable, or an argument is unknown: a flow has
            no other loss or metrics.
          ValueError: if `sample_size` is no integer >= 1, `annealing_fn` is given
            without a target, or a prior without a likelihood, or beside a target.
        """
        objective = flow_objective(
            self.event_size,
            target_log_prob_fn,
            log_prior_fn,
            log_likelihood_fn,
            sample_size,
            annealing_fn,
        )
        super().compile(optimizer, **kwargs)
        self._objective = objective

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Trains the flow; see `keras.Model.fit`.

        Args:
          x: data of shape `[N, D]`, or a data frame, or a `tf.data.Dataset`, `keras.
            utils.PyDataset` or generator of batches `[B, D]`; with weights, of batches
            `(x, None, weights)`. `None` with a `target_log_prob_fn`. With a
            `log_likelihood_fn`, its rows: an array `[N, ...]`, a tuple or dict of such,
            or a finite `tf.data.Dataset` of batches, which a first pass counts, and which
            is read in its order.
          y: nothing: a flow has no labels. With a `log_likelihood_fn` and arrays, the
            rows are `(x, y)`.
          batch_size: B, points or rows per step of arrays, and rows of a dataset; `None`
            is 32.
          *args: as of `keras.Model.fit`.
          **kwargs: as of `keras.Model.fit`, such as `sample_weight`, `[N]`; with a
            target, `steps_per_epoch` says how many steps an epoch has, and with a
            likelihood it is ceil(N / B) by default.

        Returns:
          `keras.callbacks.History` of `loss` and `nll` (data) or `elbo` (target), in
          nats, means over the epoch; of data also `val_loss`, `val_nll`. With weights,
          `nll` is a weighted mean, and `loss` that times the mean of the weights.

        Raises:
          TypeError: if the data are not floating-point, or no source of points or rows.
          ValueError: if the data are missing, not wanted, not finite or of another
            shape, or fewer than a batch; or the target fails, or returns another shape or
            dtype, NaN or +inf at its first evaluation.
        """
        kwargs["batch_size"] = batch_size
        x, y = self._data("fit", x, y, kwargs)
        self._objective.check(self, x)
        batch_size = kwargs.pop("batch_size", None)
        return super().fit(x, y, batch_size, *args, **kwargs)

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> list[float] | dict[str, float]:
        """`[loss, nll]` or `[loss, elbo]` in nats; see `keras.Model.evaluate`.

        Args:
          x: data of any kind that `fit` takes; `None` with a `target_log_prob_fn`.
          y: as of `fit`.
          batch_size: as of `fit`.
          *args: as of `keras.Model.evaluate`.
          **kwargs: as of `keras.Model.evaluate`, such as `sample_weight`, `[N]`, and
            `steps`, which a target needs: how many times `sample_size` samples are drawn.

        Returns:
          A list, the loss first; with `return_dict=True`, a dict.

        Raises:
          TypeError, ValueError: as of `fit`, but for the target.
        """
        kwargs["batch_size"] = batch_size
        x, y = self._data("evaluate", x, y, kwargs)
        batch_size = kwargs.pop("batch_size", None)
        return super().evaluate(x, y, batch_size, *args, **kwargs)

    def _data(self, method: str, x: Any, y: Any, arguments: dict) -> tuple[Any, Any]:
        if not self.compiled:
            raise ValueError(
                f"FlowModel.{method} needs a compiled model; call compile(optimizer) for "
                "maximum likelihood, or compile(optimizer, target_log_prob_fn=...) for "
                "the reverse KL."
            )
        return self._objective.data(self, method, x, y, arguments)

    @property
    def examples(self) -> Points | None:
        """What is asked of data; `None` with a target."""
        return self._objective.examples

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The loss, and the negative log-likelihood or the evidence lower bound."""
        return [self._trackers[name] for name in ("loss", self._objective.metric)]

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
