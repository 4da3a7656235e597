"""Densities by name: built-in ones, and functions of the user's modules."""

import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from typing import Any

from tfp_flows import targets
from tfp_flows.density import Density, as_density
from tfp_flows.density.checks import FAILURES


class UserModuleError(RuntimeError):
    """An error in the user's module; its message says the line."""


@contextlib.contextmanager
def errors_placed(spec: str) -> Iterator[None]:
    """A context in which errors from the module of a target say the line there.

    Args:
      spec: as of `load_target`.

    Raises:
      UserModuleError: for any error, or `sys.exit`, of a line of the module or its
        package, or that such a line led to.
    """
    package = spec.partition(":")[0].partition(".")[0]
    try:
        yield
    except (Exception, SystemExit) as error:
        cause = error.__cause__
        # Of what fails so, the words on the first evaluation of a target say more.
        origin: BaseException = error
        if cause is not None and not isinstance(cause, FAILURES):
            origin = cause
        lines = [
            f"{frame.f_code.co_filename}, line {number}"
            for frame, number in traceback.walk_tb(origin.__traceback__)
            if frame.f_globals.get("__name__", "").partition(".")[0] == package
        ]
        if not lines:
            raise
        what = f"{type(origin).__name__}: {origin}"
        if isinstance(error, SystemExit):
            what = f"sys.exit({error.code!r}), which is no way for a density to end"
        raise UserModuleError(f"{lines[-1]}: {what}") from error


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
      ImportError: if there is no such module.
      UserModuleError: if the module has an error of syntax; its other errors are raised
        as they are.
    """
    if ":" not in spec:
        if spec not in targets.names():
            raise ValueError(
                f"Unknown target {spec!r}; the known targets are "
                f"{', '.join(targets.names())}, and module:function names your own."
            )
        return as_density(targets.get(spec))
    target = load_attribute(spec)
    if not callable(target) and not hasattr(target, "log_prob"):
        raise ValueError(
            f"{spec!r} is {type(target).__name__}, neither a function of points nor a "
            "distribution."
        )
    return as_density(target)


def load_attribute(spec: str) -> Any:
    """What "module:attribute" names; the current folder is searched first.

    Raises:
      ValueError: if `spec` has another form, or there is no such attribute.
      ImportError: if there is no such module.
      UserModuleError: as of `load_target`.
    """
    module_name, _, attribute = spec.partition(":")
    is_name = all(part.isidentifier() for part in module_name.split("."))
    if not is_name or module_name.endswith(".py") or not attribute:
        raise ValueError(
            f"{spec!r} names no target; write module:function, for example "
            "my_densities:log_prob for log_prob of my_densities.py."
        )
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # of a module that it imports
        raise ImportError(
            f"Cannot import module {module_name!r} of target {spec!r} ({error}); run in "
            "the folder that holds it, or install it."
        ) from error
    except SyntaxError as error:  # which says its line
        raise UserModuleError(
            f"{error.filename}, line {error.lineno}: SyntaxError: {error.msg}"
        ) from error
    target = getattr(module, attribute, None)
    if target is None:
        raise ValueError(
            f"Module {module_name!r} has no {attribute!r} (target {spec!r})."
        )
    return target
