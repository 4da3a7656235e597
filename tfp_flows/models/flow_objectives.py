"""What a `FlowModel` minimises, by what `compile` is given."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.models.examples import Points
from tfp_flows.models.posterior_reverse_kl import PosteriorReverseKL
from tfp_flows.models.reverse_kl import ReverseKL, TargetReverseKL, Terms

if TYPE_CHECKING:
    from tfp_flows.models.flow_model import FlowModel


def flow_objective(
    event_size: int,
    target: Any,
    log_prior_fn: Callable | None,
    log_likelihood_fn: Callable | None,
    sample_size: int,
    annealing_fn: Callable | None,
) -> "MaximumLikelihood | ReverseKL":
    """The objective for the arguments of `FlowModel.compile`."""
    posterior = dict(log_prior_fn=log_prior_fn, log_likelihood_fn=log_likelihood_fn)
    given = [name for name, function in posterior.items() if function is not None]
    if target is not None and given:
        raise ValueError(
            f"A flow is fitted to one density, but got `target_log_prob_fn` and "
            f"{given[0]}; leave out the former for a posterior of the rows of data."
        )
    if log_prior_fn is not None and log_likelihood_fn is not None:
        return PosteriorReverseKL(
            log_prior_fn, log_likelihood_fn, sample_size, annealing_fn
        )
    if given:
        raise ValueError(
            f"A posterior has a prior and a likelihood, but got {given[0]} alone; pass "
            "both `log_prior_fn` and `log_likelihood_fn`."
        )
    if target is not None:
        return TargetReverseKL(target, sample_size, annealing_fn)
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

    def data(
        self, model: "FlowModel", method: str, x: Any, y: Any, arguments: dict
    ) -> tuple[Any, Any]:
        """What Keras is to iterate over; raises ValueError if there are no data."""
        del model, arguments  # checked with the data
        if x is None:
            raise ValueError(
                f"{method} needs data of shape [N, {self._event_size}] for maximum "
                "likelihood, but got none; to fit a density instead, compile with "
                "target_log_prob_fn."
            )
        return x, y

    def check(self, model: "FlowModel", x: Any) -> None:
        """Nothing: the data are checked as such."""

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
