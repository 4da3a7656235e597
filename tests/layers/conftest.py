"""Every flow layer of the package, with its oracle."""

import dataclasses
import math
from collections.abc import Callable

import keras
import numpy as np
import oracles
import pytest

from tfp_flows import layers

NUM_LAYERS, EVENT_SIZE, FEATURES = 3, 4, 5
_MATRIX, _VECTOR = (NUM_LAYERS, EVENT_SIZE), (NUM_LAYERS,)

# Parameter name = shape, in the order in which an encoder's output holds them.
PLANAR = dict(u=_MATRIX, w=_MATRIX, b=_VECTOR)
RADIAL = dict(center=_MATRIX, alpha_unconstrained=_VECTOR, beta=_VECTOR)


def _sylvester_shapes(num_units, num_reflections):
    square = (NUM_LAYERS, num_units, num_units)
    shapes = dict(r=square, r2=square, b=square[:2])
    if num_reflections:
        shapes["v"] = (NUM_LAYERS, num_reflections, EVENT_SIZE)
    return shapes


def _radial(z, center, unconstrained, beta):
    return oracles.radial(z, center, np.logaddexp(0.0, unconstrained), beta)


@dataclasses.dataclass(frozen=True)
class Case:
    """A layer class with its arguments, and the NumPy oracle of one of its layers."""

    name: str
    layer_class: type
    shapes: dict
    oracle: Callable
    arguments: dict = dataclasses.field(default_factory=dict)
    alternates: bool = False

    @property
    def amortized(self):
        return issubclass(self.layer_class, layers.Amortized)

    def make(self, num_layers=NUM_LAYERS, **kwargs):
        return self.layer_class(num_layers, **self.arguments, **kwargs)

    def inputs(self, rng, *sample_shape, batch=6, dtype="float64"):
        """z0 `[*sample_shape, batch, D]`; for an amortised layer, with h `[batch, H]`."""
        z0 = rng.normal(size=(*sample_shape, batch, EVENT_SIZE)).astype(dtype)
        h = rng.normal(size=(batch, FEATURES)).astype(dtype)
        return [z0, h] if self.amortized else z0

    def symbolic_inputs(self):
        z0, h = keras.Input((EVENT_SIZE,)), keras.Input((FEATURES,))
        return [z0, h] if self.amortized else z0

    def truth(self, layer, inputs):
        """The image and the log-det by NumPy, from the weights of `layer`."""
        if self.amortized:
            z, h = inputs
            kernel, bias = (np.asarray(weight, np.float64) for weight in layer.weights)
            parameters = self._split(h @ kernel + bias)
        else:
            z = inputs
            parameters = {w.name: np.asarray(w, np.float64) for w in layer.weights}
        steps = []
        for k in range(NUM_LAYERS):
            step = [
                np.take(value, k, axis=-len(self.shapes[name]))
                for name, value in parameters.items()
            ]
            if self.alternates:
                step += [None, k % 2 == 1]
            steps.append(step)
        return oracles.compose(self.oracle, z, steps)

    def _split(self, flat):
        parameters, start = {}, 0
        for name, shape in self.shapes.items():
            stop = start + math.prod(shape)
            parameters[name] = flat[:, start:stop].reshape(-1, *shape)
            start = stop
        assert start == flat.shape[-1]
        return parameters


def _cases():
    kinds = (
        ("Planar", PLANAR, oracles.planar, {}),
        ("Radial", RADIAL, _radial, {}),
        ("Sylvester", _sylvester_shapes(2, 2), oracles.sylvester, dict(num_units=2)),
        (
            "Sylvester",
            _sylvester_shapes(EVENT_SIZE, 3),
            oracles.sylvester,
            dict(form="householder", num_reflections=3),
        ),
        (
            "Sylvester",
            _sylvester_shapes(EVENT_SIZE, None),
            oracles.sylvester,
            dict(form="triangular"),
        ),
    )
    for prefix in ("Amortized", "Shared"):
        for kind, shapes, oracle, arguments in kinds:
            form = arguments.get("form", "")
            yield Case(
                f"{prefix}{kind}{form.title()}",
                getattr(layers, prefix + kind),
                shapes,
                oracle,
                arguments,
                alternates=form == "triangular",
            )


CASES = tuple(_cases())


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request):
    """Each flow layer of the package in turn."""
    return request.param


@pytest.fixture(
    params=[case for case in CASES if not case.amortized], ids=lambda case: case.name
)
def shared_case(request):
    """Each layer with weights of its own in turn."""
    return request.param


@pytest.fixture
def every_case():
    """All of them, by name."""
    return {case.name: case for case in CASES}


def scramble(layer, rng):
    """Weights far from the initial ones; those of an encoder of order 1 per output."""
    for weight in layer.weights:
        scale = 1.0 / math.sqrt(FEATURES) if weight.name == "kernel" else 1.0
        weight.assign(scale * rng.normal(size=weight.shape))


@pytest.fixture(name="scramble")
def _scramble():
    return scramble
