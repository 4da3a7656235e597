"""Copies and pickles of bijectors and flows, by the arguments that they were built of.

Objects of TFP hold caches with weak references, which neither `copy.deepcopy` nor
`pickle` can take. Those that hold others choose their class by what they hold, so that
neither can make one first and fill it later; `copyreg` has them made by their arguments,
too, once this package is imported.
"""

import copyreg
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

_OF_TFP = (tfp.distributions.Distribution, tfp.bijectors.Bijector)

# What flows are put into, or stand on.
_HOLDERS = (
    tfp.bijectors.Blockwise,
    tfp.bijectors.Invert,
    tfp.distributions.BatchBroadcast,
    tfp.distributions.Independent,
    tfp.distributions.MixtureSameFamily,
    tfp.distributions.Sample,
    tfp.distributions.TransformedDistribution,
)


class Picklable:
    """Mixin of a `tfb.Bijector` or `tfd.Distribution` that can be copied and pickled.

    Variables are copied with it; one that is in two of its places stays one.
    """

    def __reduce__(self) -> tuple:
        return _reduce(self)


def _reduce(value: Any) -> tuple:
    return make, (describe(value),)


for _class in _HOLDERS:
    copyreg.pickle(_class, _reduce)


class _Call(NamedTuple):
    """A call that makes an object."""

    function: Callable
    args: tuple
    kwargs: dict


def describe(value: Any) -> Any:
    """The value, with a `_Call` in place of every object of TFP in it."""
    if isinstance(value, _OF_TFP):
        kwargs = {key: describe(part) for key, part in value.parameters.items()}
        return _Call(type(value), (), kwargs)
    if isinstance(value, tfp.util.TransformedVariable):
        parts = (value.pretransformed_input, value.bijector, value.name)
        return _Call(_transformed_variable, describe(parts), {})
    if isinstance(value, functools.partial):
        args = describe((value.func, *value.args))
        return _Call(functools.partial, args, describe(value.keywords))
    if type(value) in (list, tuple):
        return type(value)(describe(part) for part in value)
    if isinstance(value, dict):
        return {key: describe(part) for key, part in value.items()}
    return value


def make(value: Any) -> Any:
    """The inverse of `describe`."""
    if isinstance(value, _Call):
        return value.function(*make(value.args), **make(value.kwargs))
    if type(value) in (list, tuple):
        return type(value)(make(part) for part in value)
    if isinstance(value, dict):
        return {key: make(part) for key, part in value.items()}
    return value


def _transformed_variable(
    variable: tf.Variable, bijector: tfp.bijectors.Bijector, name: str
) -> tfp.util.TransformedVariable:
    made = tfp.util.TransformedVariable(bijector.forward(variable), bijector, name=name)
    made.pretransformed_input.assign(variable)  # exact, unlike the inverse
    return made
