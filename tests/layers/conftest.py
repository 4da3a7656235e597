"""Every flow layer of the package, with its oracle."""

import dataclasses
import math

import keras
import numpy as np
import oracles
import pytest
import registry
import tensorflow as tf

from tfp_flows import layers

NUM_LAYERS, EVENT_SIZE, FEATURES = registry.NUM_LAYERS, 4, 5


@dataclasses.dataclass(frozen=True)
class Case:
    """A layer class with its arguments, and the family that its layers are of."""

    name: str
    layer_class: type
    shapes: dict
    entry: registry.FamilyEntry
    arguments: dict

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
        parameters = {w.name: np.asarray(w, np.float64) for w in layer.weights}
        if self.amortized:
            z, h = inputs
            flat = h @ parameters.pop("kernel") + parameters.pop("bias")
            parameters |= self._split(flat)
        else:
            z = inputs
        steps = []
        for k in range(NUM_LAYERS):
            step = [
                np.take(parameters[name], k, axis=-len(shape))
                for name, shape in self.shapes.items()
            ]
            steps.append([*step, *self.entry.layer_options(k)])
        return oracles.compose(self.entry.layer, z, steps)

    def _split(self, flat):
        parameters, start = {}, 0
        names = self.entry.family.amortized_names or self.shapes
        for name in names:
            shape = self.shapes[name]
            stop = start + math.prod(shape)
            parameters[name] = flat[:, start:stop].reshape(-1, *shape)
            start = stop
        assert start == flat.shape[-1]
        return parameters


def _cases():
    for prefix in ("Amortized", "Shared"):
        for entry in registry.FAMILIES:
            family = entry.family
            values = family.unconstrain(
                family.initial_values(EVENT_SIZE, seed=[0, 1], dtype=tf.float64)
            )
            # In the order in which an encoder's output holds them.
            shapes = {name: tuple(value.shape) for name, value in values.items()}
            arguments = dataclasses.asdict(family)
            form = arguments.get("form", "")
            kind = type(family).__name__.removesuffix("Family")
            for name in ("num_layers", "init_scale"):
                del arguments[name]
            yield Case(
                f"{prefix}{kind}{form.title().replace('Orthogonal', '')}",
                getattr(layers, prefix + kind),
                shapes,
                entry,
                arguments,
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
