"""Minimises a reverse KL divergence, from samples of the flow."""

import abc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.density import Density, as_density, check_events
from tfp_flows.vi.arguments import check_annealing

if TYPE_CHECKING:
    from tfp_flows.models.flow_model import FlowModel

Terms: TypeAlias = tuple[tf.Tensor, dict[str, tf.Tensor]]

# What says how many steps there are, of each method.
STEPS = dict(fit="steps_per_epoch", evaluate="steps")
# What goes with data to be modelled.
DATA_ARGUMENTS = ("validation_data", "validation_split", "sample_weight", "class_weight")


class ReverseKL(abc.ABC):
    """Minimises log q - beta log p over samples of the flow."""

    metric = "elbo"
    examples = None

    def __init__(
        self, functions: dict[str, Any], sample_size: int, annealing_fn: Callable | None
    ) -> None:
        """Takes the arguments of `compile`.

        Args:
          functions: of the density, by the names of the arguments.
          sample_size: S.
          annealing_fn: of a step to beta, or `None`.
        """
        self._sample_size = numerics.check_size("sample_size", sample_size)
        self._annealing_fn = annealing_fn
        self.arguments = functions | dict(
            sample_size=sample_size, annealing_fn=annealing_fn
        )

    @abc.abstractmethod
    def data(
        self, model: "FlowModel", method: str, x: Any, y: Any, arguments: dict
    ) -> tuple[tf.data.Dataset, None]:
        """What Keras is to iterate over, and no labels.

        Args:
          model: the model.
          method: what was called, for messages.
          x: what it got as data.
          y: what it got as labels.
          arguments: its other keyword arguments, which may be changed.
        """

    @abc.abstractmethod
    def density(self, x: Any) -> Density:
        """What is checked before a fit, given what Keras will iterate over."""

    @abc.abstractmethod
    def num_samples(self, x: Any) -> tf.Tensor | int:
        """How many samples this replica draws, given its batch."""

    @abc.abstractmethod
    def log_p(self, samples: tf.Tensor, x: Any) -> tf.Tensor:
        """The log density at samples, as this replica's batch has it."""

    def check(self, model: "FlowModel", x: Any) -> None:
        """Raises if the target fails at samples of the model, or has no gradient.

        Or if it is a density of vectors of another size, or `annealing_fn` fails, or
        returns no finite number of at least 0, at step 0.
        """
        if self._annealing_fn is not None:
            check_annealing(self._annealing_fn, [0])
        target = self.density(x)
        check_events(model.distribution(), target)
        # With a seed of its own: a check must not change the samples of the fit.
        points = model.sample(self._sample_size, seed=0)
        target.check(points)
        target.check_gradient(points)

    def terms(
        self,
        model: "FlowModel",
        x: Any,
        seed: tf.Tensor,
        step: tf.Tensor | None,
    ) -> Terms:
        """Those of new samples of the flow; at beta = 1 without a step."""
        flow = model.distribution()
        samples, log_q = flow.experimental_sample_and_log_prob(
            self.num_samples(x), seed=seed
        )
        log_p = tf.cast(self.log_p(samples, x), flow.dtype)
        beta = 1.0
        if self._annealing_fn is not None and step is not None:
            beta = tf.cast(self._annealing_fn(tf.cast(step, tf.int32)), flow.dtype)
        return log_q - beta * log_p, dict(elbo=log_p - log_q)


class TargetReverseKL(ReverseKL):
    """That to a density of its own, without data."""

    def __init__(
        self, target: Any, sample_size: int, annealing_fn: Callable | None
    ) -> None:
        self._target = as_density(target)
        super().__init__(dict(target_log_prob_fn=target), sample_size, annealing_fn)

    def data(
        self, model: "FlowModel", method: str, x: Any, y: Any, arguments: dict
    ) -> tuple[tf.data.Dataset, None]:
        """Stand-ins for data, S zeros per step, without end.

        Distribution strategies split them like data: each replica draws its share. Raises
        ValueError if there are data, or no number of steps.
        """
        del model  # all draw alike
        given = dict(x=x, y=y, **{name: arguments.get(name) for name in DATA_ARGUMENTS})
        unwanted = [name for name, value in given.items() if value is not None]
        if unwanted:
            raise ValueError(
                f"{method} got {', '.join(unwanted)}, but the model was compiled with a "
                "target_log_prob_fn, from whose flow it draws its own samples; compile "
                "without one to train on data, or with log_prior_fn and "
                "log_likelihood_fn for a posterior of its rows."
            )
        if arguments.get(STEPS[method]) is None:
            raise ValueError(
                f"{method} with a target_log_prob_fn needs `{STEPS[method]}`, as "
                "samples are drawn without end."
            )
        if method == "fit":
            arguments["shuffle"] = False  # of stand-ins; Keras would warn
        return tf.data.Dataset.from_tensors(tf.zeros([self._sample_size])).repeat(), None

    def density(self, x: tf.data.Dataset) -> Density:
        """The target."""
        del x  # stand-ins
        return self._target

    def num_samples(self, x: tf.Tensor) -> tf.Tensor:
        """As many as there are stand-ins."""
        return tf.shape(x)[0]

    def log_p(self, samples: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """That of the target."""
        del x  # stand-ins
        return self._target(samples)
