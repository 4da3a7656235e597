"""A posterior as ArviZ's data."""

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics
from tfp_flows.posteriors.model import Model
from tfp_flows.posteriors.pins import by_name, joined

if TYPE_CHECKING:
    import arviz

    from tfp_flows.diagnostics import Evaluation
    from tfp_flows.posteriors.posterior import Draws


def inference_data(
    model: Model,
    draws: "Draws",
    evaluation: "Evaluation",
    *,
    predictive: bool,
    seed: tf.Tensor,
) -> "arviz.InferenceData":
    """See `Posterior.to_arviz`."""
    groups: dict[str, Any] = dict(
        posterior=_one_chain(model.named(draws.values)),
        sample_stats=_one_chain(dict(log_weight=draws.log_weights)),
        posterior_attrs=dict(
            inference_library="tfp_flows",
            verdict=evaluation.verdict,
            pareto_k=evaluation.khat,
            elbo=evaluation.elbo,
        ),
    )
    if model.joint is not None:
        groups["observed_data"] = {
            name: np.asarray(value) for name, value in model.joint.pins.items()
        }
        if predictive:
            likelihood, replicated = of_observations(model.joint, draws.values, seed)
            groups["log_likelihood"] = _one_chain(likelihood)
            groups["posterior_predictive"] = _one_chain(replicated)
    return numerics.load_arviz().from_dict(**groups)


def _one_chain(arrays: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.asarray(array)[np.newaxis] for name, array in arrays.items()}


def of_observations(
    joint: tfd.Distribution, values: Any, seed: tf.Tensor
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Log likelihoods and replicated data of the observed parts, draw by draw.

    Args:
      joint: the pinned joint distribution.
      values: structure of its other parts, arrays `[n, *shape]`.
      seed: stateless seed.

    Returns:
      A pair of name = array `[n, *shape]`: the log likelihood of every observation, as
      far as the part consists of independent ones, and data drawn from the model.
    """
    inner, pins = joint.distribution, dict(joint.pins)
    n = len(tf.nest.flatten(values)[0])
    seeds = tfp.random.split_seed(seed, n=n, salt="posterior_predictive")

    def of_one(inputs: tuple) -> tuple[dict, dict]:
        value, one_seed = inputs
        whole = joined(joint, value)
        distributions, _ = inner.sample_distributions(value=whole, seed=one_seed)
        observed = by_name(inner, distributions)
        part_seeds = tfp.random.split_seed(one_seed, n=len(pins), salt="parts")
        likelihood = {name: _pointwise(observed[name], pins[name]) for name in pins}
        replicated = {
            name: observed[name].sample(seed=part_seed)
            for name, part_seed in zip(pins, part_seeds, strict=True)
        }
        return likelihood, replicated

    inputs = (tf.nest.map_structure(tf.convert_to_tensor, values), tf.stack(seeds))
    likelihood, replicated = tf.vectorized_map(of_one, inputs)
    return _arrays(likelihood), _arrays(replicated)


def _pointwise(distribution: tfd.Distribution, value: tf.Tensor) -> tf.Tensor:
    """The log density of each independent part of `value`."""
    while True:
        is_iid = isinstance(distribution, tfd.Sample)
        is_iid = is_iid and distribution.batch_shape.rank == 0
        if not is_iid and not isinstance(distribution, tfd.Independent):
            return distribution.log_prob(value)
        distribution = distribution.distribution


def _arrays(tensors: dict[str, tf.Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in tensors.items()}
