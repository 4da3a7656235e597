"""Normalizing flows for TensorFlow Probability.

Planar, radial, Sylvester and autoregressive flows as `tfb.Bijector`s, builders of
trainable `tfd.TransformedDistribution`s, fits by compiled reverse-KL loops, posteriors of
joint distributions in one call, a random-walk Metropolis baseline, and diagnostics of the
fit. See the README for a tour.
"""

import importlib
from types import ModuleType
from typing import Any

from tfp_flows import startup
from tfp_flows.names import FAMILIES
from tfp_flows.version import __version__

# Imported at first use (PEP 562): TensorFlow takes seconds to load, which
# `tfp-flows --help`, bad arguments and tools that only ask for the version need not
# wait for.
_SUBMODULES = (
    "bijectors",
    "density",
    "diagnostics",
    "distributions",
    "layers",
    "mcmc",
    "models",
    "plotting",
    "posteriors",
    "targets",
    "training",
    "vi",
)
_BUILDERS = tuple(f"{family}_flow" for family in FAMILIES)

__all__ = ["__version__", "fit_posterior", "optimizers", *_BUILDERS, *_SUBMODULES]
__all__.sort()


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return _load(name)
    if name == "optimizers":
        return _load("training").optimizers
    if name == "fit_posterior":
        return _load("posteriors").fit_posterior
    if name in _BUILDERS:
        return getattr(_load("distributions"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _load(name: str) -> ModuleType:
    with startup.collector_paused():
        return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return __all__
