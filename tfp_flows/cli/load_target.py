"""Densities by name: built-in ones, and functions of the user's modules."""

import importlib
import os
import sys

from tfp_flows import targets
from tfp_flows.density import Density, as_density


def load_target(spec: str) -> Density:
    """The density that `spec` names.

    Args:
      spec: a name of `tff.targets.names()`, or "module:attribute", where the attribute is
        a log density or a distribution. The current folder is searched first.

    Returns:
      `Density`.

    Raises:
      ValueError: if the name is unknown, or the attribute is missing or no density over
        vectors.
      ImportError: if the module cannot be imported.
    """
    module_name, colon, attribute = spec.partition(":")
    if not colon:
        if spec not in targets.names():
            raise ValueError(
                f"Unknown target {spec!r}; the known targets are "
                f"{', '.join(targets.names())}, and module:function names your own."
            )
        return as_density(targets.get(spec))
    if not module_name or not attribute:
        raise ValueError(
            f"{spec!r} names no target; write module:function, for example "
            "my_densities:log_prob."
        )
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ImportError(
            f"Cannot import module {module_name!r} of target {spec!r} ({error}); run in "
            "the folder that holds it, or install it."
        ) from error
    target = getattr(module, attribute, None)
    if target is None:
        raise ValueError(
            f"Module {module_name!r} has no {attribute!r} (target {spec!r})."
        )
    if not callable(target) and not hasattr(target, "log_prob"):
        raise ValueError(
            f"{spec!r} is {type(target).__name__}, neither a function of points nor a "
            "distribution."
        )
    return as_density(target)
