"""The flows that density estimation compares, by name."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import tensorflow_probability as tfp

from tfp_flows import distributions, numerics
from tfp_flows.experiments.real_nvp import real_nvp

Builder = Callable[..., tfp.distributions.Distribution]


class DensityFlow(NamedTuple):
    """A kind of flow.

    Attributes:
      title: what figures call it.
      build: callable, `(num_layers, seed)` to a flow.
      learning_rate: the peak of the learning rate.
    """

    title: str
    build: Builder
    learning_rate: float = 0.02


def _direct(
    builder: Builder, num_layers: int, seed: int
) -> tfp.distributions.Distribution:
    return builder(2, num_layers, seed=seed)


def _inverted(
    builder: Builder, num_layers: int, seed: int
) -> tfp.distributions.Distribution:
    """The flow whose log_prob is the forward map of the layers."""
    flow = builder(2, num_layers, seed=seed)
    return tfp.distributions.TransformedDistribution(
        flow.distribution, tfp.bijectors.Invert(flow.bijector), name=flow.name
    )


def _sylvester_inverted(num_layers: int, seed: int) -> tfp.distributions.Distribution:
    # Two units per layer, M = D = 2: as many as planar layers in all.
    builder = functools.partial(
        distributions.sylvester_flow, form="householder", num_reflections=1
    )
    return _inverted(builder, max(1, num_layers // 2), seed)


def _real_nvp(
    hidden: tuple[int, ...], num_layers: int, seed: int
) -> tfp.distributions.Distribution:
    del num_layers  # its size is that of `hidden`
    return real_nvp(2, 6, hidden=hidden, seed=numerics.stateless_seed(seed))


# Large networks need a lower rate: at 0.02 the held-out NLL of the large RealNVP is 2.37
# on circles, at 0.005 1.86; of the small one, 2.03 and 2.04.
FLOWS = {
    "planar": DensityFlow(
        "planar", functools.partial(_direct, distributions.planar_flow)
    ),
    "planar_inverted": DensityFlow(
        "planar, inverted", functools.partial(_inverted, distributions.planar_flow)
    ),
    "radial": DensityFlow(
        "radial", functools.partial(_direct, distributions.radial_flow)
    ),
    "radial_inverted": DensityFlow(
        "radial, inverted", functools.partial(_inverted, distributions.radial_flow)
    ),
    "sylvester_inverted": DensityFlow("Sylvester, inverted", _sylvester_inverted),
    # As many parameters as 32 planar layers, 156 and 160; and of a common size.
    "real_nvp": DensityFlow("RealNVP, small", functools.partial(_real_nvp, (6,))),
    "real_nvp_large": DensityFlow(
        "RealNVP, large", functools.partial(_real_nvp, (32, 32)), 0.005
    ),
}
