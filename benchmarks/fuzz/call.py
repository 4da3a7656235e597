"""What a public function is called with."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

from benchmarks.fuzz import judge

# What messages call an argument, besides its own name.
ALIASES = {
    "target_log_prob_fn": ["target"],
    "target": ["target_log_prob_fn"],
    "name": ["target"],
    "images": ["examples", "data"],
    "joint": ["joint distribution", "hand-written density"],
}


@dataclasses.dataclass(frozen=True)
class Call:
    """A function, and what it does with good arguments.

    Attributes:
      name: of the function, or of the class.
      function: callable.
      arguments: callable without arguments, to new good ones, by name.
      problem: callable `(result, arguments)`, to what is wrong with a result, or `None`.
      errors: classes of errors that it documents, besides `judge.DOCUMENTED`.
      weight: how often it is called, beside the others.
      is_slow: whether good arguments take a second or more, to compile a fit.
    """

    name: str
    function: Callable
    arguments: Callable[[], dict[str, Any]]
    problem: Callable[[Any, dict[str, Any]], str | None]
    errors: tuple[type[Exception], ...] = ()
    weight: int = 1
    is_slow: bool = False

    def parameters(self):
        """The names of all arguments, in the signature's order."""
        kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        found = inspect.signature(self.function).parameters.values()
        return [p.name for p in found if p.kind not in kinds]

    def names_of(self, name):
        """By which names a message may call an argument."""
        return [name, *ALIASES.get(name, [])]


def numbers(name, function, arguments, of=lambda result: result, **more):
    """A call whose result is, or has, numbers that must be finite."""
    return Call(
        name,
        function,
        arguments,
        lambda result, _: judge.not_finite(of(result), "a result"),
        **more,
    )
