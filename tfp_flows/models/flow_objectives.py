"""What a `FlowModel` minimises: the negative log-likelihood of data, or a reverse KL."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.density import as_density, check_events
from tfp_flows.models.examples import Points
from tfp_flows.vi.arguments import check_annealing

if TYPE_CHECKING:
    from tfp_flows.models.flow_model import FlowModel

Terms = tuple[tf.Tensor, dict[str, tf.Tensor]]

_DATA_ARGUMENTS = ("validation_data", "validation_split", "sample_weight", "class_weight")
_STEPS = dict(fit="steps_per_epoch", evaluate="steps")


def flow_objective(
    event_size: int, target: Any, sample_size: int, annealing_fn: Callable | None
) -> "MaximumLikelihood | ReverseKL":
    """The objective for the arguments of `FlowModel.compile`."""
    if target is not None:
        return ReverseKL(target, sample_size, annealing_fn)
    if annealing_fn is not None:
        raise ValueError(
            "`annealing_fn` weighs the target, but there is no `target_log_prob_fn`; "
            "leave it out for maximum likelihood."
        )
    numerics.check_size("sample_size", sample_size)
    return MaximumLikelihood(event_size)


class MaximumLikelihood:
    """Minimises -mean log q(x) over data."""

    metric = "nll"

    def __init__(self, event_size: int) -> None:
        self._event_size = event_size
        self.examples = Points(event_size)
        self.arguments: dict[str, Any] = {}

    def data(self, method: str, x: Any, y: Any, arguments: dict) -> Any:
        """What Keras is to iterate over; raises ValueError if there are no data."""
        del y, arguments  # checked with the data
        if x is None:
            raise ValueError(
                f"{method} needs data of shape [N, {self._event_size}] for maximum "
                "likelihood, but got none; to fit a density instead, compile with "
                "target_log_prob_fn."
            )
        return x

    def terms(
        self,
        model: "FlowModel",
        x: tf.Tensor,
        seed: tf.Tensor,
        step: tf.Tensor | None,
    ) -> Terms:
        """-log q(x) of points `[B, D]`."""
        del seed, step  # of samples
        nll = -model.log_prob(x)
        return nll, dict(nll=nll)


class ReverseKL:
    """Minimises log q - beta log p over samples of the flow."""

    metric = "elbo"
    examples = None

    def __init__(
        self, target: Any, sample_size: int, annealing_fn: Callable | None
    ) -> None:
        self._target = as_density(target)
        self._sample_size = numerics.check_size("sample_size", sample_size)
        self._annealing_fn = annealing_fn
        self.arguments = dict(
            target_log_prob_fn=target, sample_size=sample_size, annealing_fn=annealing_fn
        )

    def check(self, model: "FlowModel") -> None:
        """Raises if the target fails at samples of the model, or has no gradient.

        Or if it is a density of vectors of another size, or `annealing_fn` fails, or
        returns no finite number of at least 0, at step 0.
        """
        if self._annealing_fn is not None:
            check_annealing(self._annealing_fn, [0])
        check_events(model.distribution(), self._target)
        # With a seed of its own: a check must not change the samples of the fit.
        points = model.sample(self._sample_size, seed=0)
        self._target.check(points)
        self._target.check_gradient(points)

    def data(self, method: str, x: Any, y: Any, arguments: dict) -> tf.data.Dataset:
        """Stand-ins for data, S zeros per step.

        Distribution strategies split them like data: each replica draws its share.

        Args:
          method: what was called, for the message.
          x: what it got as data; `None` is right.
          y: what it got as labels.
          arguments: the other keyword arguments.

        Returns:
          `tf.data.Dataset`, endless, of `Tensor`s of shape `[S]`.

        Raises:
          ValueError: if there are data, or no number of steps.
        """
        given = dict(x=x, y=y, **{name: arguments.get(name) for name in _DATA_ARGUMENTS})
        unwanted = [name for name, value in given.items() if value is not None]
        if unwanted:
            raise ValueError(
                f"{method} got {', '.join(unwanted)}, but the model was compiled with a "
                "target_log_prob_fn, from whose flow it draws its own samples; compile "
                "without one to train on data."
            )
        if arguments.get(_STEPS[method]) is None:
            raise ValueError(
                f"{method} with a target_log_prob_fn needs `{_STEPS[method]}`, as "
                "samples are drawn without end."
            )
        return tf.data.Dataset.from_tensors(tf.zeros([self._sample_size])).repeat()

    def terms(
        self,
        model: "FlowModel",
        x: tf.Tensor,
        seed: tf.Tensor,
        step: tf.Tensor | None,
    ) -> Terms:
        """Those of as many samples as there are stand-ins; at beta = 1 without a step."""
        flow = model.distribution()
        samples, log_q = flow.experimental_sample_and_log_prob(tf.shape(x)[0], seed=seed)
        log_p = tf.cast(self._target(samples), flow.dtype)
        beta = 1.0
        if self._annealing_fn is not None and step is not None:
            beta = tf.cast(self._annealing_fn(tf.cast(step, tf.int32)), flow.dtype)
        return log_q - beta * log_p, dict(elbo=log_p - log_q)
