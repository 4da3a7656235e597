"""Every bijector of the package, with what the generic tests need to know of it."""

import dataclasses
import functools
from collections.abc import Callable

import draws
import numpy as np
import oracles
import pytest
import tensorflow as tf

from tfp_flows import bijectors
from tfp_flows.bijectors.autoregressive import OfMaskedNetworks
from tfp_flows.bijectors.layer_stack import OfTanhUnits, OnSamples
from tfp_flows.bijectors.live import Live, LiveChain
from tfp_flows.bijectors.one_pass import OnePass
from tfp_flows.bijectors.planar_stack import ELEMENTWISE_EVENT_SIZE

NUM_LAYERS = 3

# Bijectors that the generic tests leave out, and why.
EXEMPT = {
    Live: "abstract: has no parameters and no map of its own",
    LiveChain: "has no parameters of its own; see test_live.py",
    OfMaskedNetworks: "abstract: has no parameters of its own",
    OfTanhUnits: "abstract: has no parameters of its own",
    OnePass: "abstract: has no parameters and no map of its own",
    OnSamples: "abstract: has no parameters and no map of its own",
}


@dataclasses.dataclass(frozen=True)
class Entry:
    """A bijector class, a way to draw its parameters, and its oracles.

    Attributes:
      bijector_class: the class.
      draw: `(rng, scale, batch_shape, event_size) -> dict` of float64 arrays of the
        magnitude `scale`.
      event_ndims: rank of each parameter without its batch axes.
      layer: NumPy oracle of one layer, whose arguments after the points are the
        parameters in the order of `event_ndims`.
      exact: mpmath oracle of one layer.
      layer_class: of a bijector that is several layers, the class of one of them.
      layer_options: of such a bijector, `k -> dict` of further arguments of layer k.
      form: of a bijector of several forms, the name of this one.
      options: arguments of the class that are no tensors.
      event_sizes: D of the generic tests, one for each form that D chooses.
      is_stack_of_one: of a single layer, whether it runs the code of its stack.
    """

    bijector_class: type
    draw: Callable
    event_ndims: dict
    layer: Callable
    exact: Callable
    layer_class: type | None = None
    layer_options: Callable = lambda k: {}
    form: str = ""
    options: dict = dataclasses.field(default_factory=dict)
    event_sizes: tuple = (3,)
    is_stack_of_one: bool = False

    @property
    def name(self):
        return self.bijector_class.__name__ + self.form

    @property
    def has_matrices(self):
        """Whether pre-activations are sums over layers or units."""
        return max(self.event_ndims.values()) > 1

    @property
    def stacked(self):
        return self.layer_class is not None

    def build(self, **kwargs):
        """The bijector of these parameters."""
        return self.bijector_class(**self.options, **kwargs)

    def make(
        self,
        rng,
        scale=1.0,
        batch_shape=(),
        event_size=2,
        dtype=tf.float64,
        **kwargs,
    ):
        """The parameters, a dict of tensors, and the bijector made of them."""
        values = self.draw(rng, scale, tuple(batch_shape), event_size)
        parameters = {n: tf.constant(v, dtype) for n, v in values.items()}
        return parameters, self.build(**parameters, **kwargs)

    def layers(self, parameters):
        """The arguments of each layer, first to last: float64 arrays, and options."""
        values = {n: np.asarray(p, np.float64) for n, p in parameters.items()}
        if not self.stacked:
            return [tuple(values.values())]
        return [
            (
                *(
                    np.take(value, k, axis=-self.event_ndims[name])
                    for name, value in values.items()
                ),
                *self.layer_options(k).values(),
            )
            for k in range(NUM_LAYERS)
        ]

    def oracle(self, z, parameters):
        """The image [..., D] and the log-det [...], by NumPy."""
        return oracles.compose(self.layer, z, self.layers(parameters))

    def truth(self, z, parameters):
        """The image [N, D] and the log-det [N], by mpmath; no batch of parameters."""
        return oracles.compose_exact(self.exact, z, self.layers(parameters))


def at_each_size(entries):
    """Mark of a test of `entry` and `event_size`: each entry at each of its sizes."""
    return pytest.mark.parametrize(
        ("entry", "event_size"),
        [
            pytest.param(entry, size, id=f"{entry.name}-D{size}")
            for entry in entries
            for size in entry.event_sizes
        ],
    )


def one_per_class():
    """The first entry of each class that has code of its own, which all forms share."""
    own = [entry for entry in ENTRIES if not entry.is_stack_of_one]
    return list({entry.bijector_class: entry for entry in own[::-1]}.values())[::-1]


def stacks():
    """The entries of several layers."""
    return [entry for entry in ENTRIES if entry.stacked]


def one_stack_per_class():
    """For what takes seconds to compile: in the loop of a stack is all of a layer."""
    return [entry for entry in one_per_class() if entry.stacked]


def singles():
    """The entries of one layer."""
    return [entry for entry in ENTRIES if not entry.stacked]


def _sylvester(form, num_units, num_reflections=None):
    """A layer of this form, and a stack of such layers."""
    draw = functools.partial(
        draws.sylvester, num_units=num_units, num_reflections=num_reflections
    )
    # Reversed, as the other way is that of the first layer of a stack.
    options = dict(reverse=num_reflections is None)
    names = ("r", "r2", "b") if num_reflections is None else ("r", "r2", "b", "v")
    event_ndims = {name: 1 if name == "b" else 2 for name in names}
    yield Entry(
        bijectors.Sylvester,
        draw,
        event_ndims,
        functools.partial(oracles.sylvester, **options),
        functools.partial(oracles.sylvester_exact, **options),
        form=form,
        options=options,
    )
    yield Entry(
        bijectors.SylvesterStack,
        _stacked(draw),
        {name: ndims + 1 for name, ndims in event_ndims.items()},
        oracles.sylvester,
        oracles.sylvester_exact,
        layer_class=bijectors.Sylvester,
        layer_options=lambda k: (
            dict(v=None, reverse=k % 2 == 1) if num_reflections is None else {}
        ),
        form=form,
    )


def _stacked(draw):
    return lambda *args: draw(*args, layer_shape=(NUM_LAYERS,))


ENTRIES = (
    Entry(
        bijectors.Planar,
        draws.normal(u=1, w=1, b=0),
        dict(u=1, w=1, b=0),
        oracles.planar,
        oracles.planar_exact,
    ),
    Entry(
        bijectors.PlanarStack,
        _stacked(draws.normal(u=1, w=1, b=0)),
        dict(u=2, w=2, b=1),
        oracles.planar,
        oracles.planar_exact,
        layer_class=bijectors.Planar,
        event_sizes=(ELEMENTWISE_EVENT_SIZE - 1, ELEMENTWISE_EVENT_SIZE + 1),
    ),
    Entry(
        bijectors.Radial,
        draws.radial,
        dict(center=1, alpha=0, beta=0),
        oracles.radial,
        oracles.radial_exact,
    ),
    Entry(
        bijectors.RadialStack,
        _stacked(draws.radial),
        dict(center=2, alpha=1, beta=1),
        oracles.radial,
        oracles.radial_exact,
        layer_class=bijectors.Radial,
    ),
    *_sylvester("Orthogonal", lambda d: (d + 1) // 2, lambda d: (d + 1) // 2),
    *_sylvester("Householder", lambda d: d, lambda d: 2),
    *_sylvester("Triangular", lambda d: d),
    Entry(
        bijectors.Autoregressive,
        draws.autoregressive,
        dict(w=2, b=1, v=3, c=2),
        oracles.autoregressive,
        oracles.autoregressive_exact,
        options=dict(reverse=False),
        is_stack_of_one=True,
    ),
    Entry(
        bijectors.AutoregressiveStack,
        _stacked(draws.autoregressive),
        dict(w=3, b=2, v=4, c=3),
        oracles.autoregressive,
        oracles.autoregressive_exact,
        layer_class=bijectors.Autoregressive,
        layer_options=lambda k: dict(reverse=k % 2 == 1),
    ),
)


@dataclasses.dataclass(frozen=True)
class FamilyEntry:
    """A family of K = `NUM_LAYERS` layers, for points of D >= 3.

    Attributes:
      family: the family.
      layer: NumPy oracle of one layer, whose arguments after the points are the
        unconstrained parameters.
      layer_options: `k -> tuple` of further arguments of the oracle of layer k.
    """

    family: bijectors.Family
    layer: Callable
    layer_options: Callable = lambda k: ()

    def __repr__(self):
        options = dataclasses.asdict(self.family)
        return f"{self.family.name} {options.get('form', '')}".strip()


def _radial_of_unconstrained(z, center, alpha_unconstrained, beta):
    return oracles.radial(z, center, np.logaddexp(0.0, alpha_unconstrained), beta)


FAMILIES = (
    FamilyEntry(bijectors.PlanarFamily(NUM_LAYERS), oracles.planar),
    FamilyEntry(bijectors.RadialFamily(NUM_LAYERS), _radial_of_unconstrained),
    FamilyEntry(bijectors.SylvesterFamily(NUM_LAYERS, num_units=2), oracles.sylvester),
    FamilyEntry(
        bijectors.SylvesterFamily(NUM_LAYERS, form="householder", num_reflections=3),
        oracles.sylvester,
    ),
    FamilyEntry(
        bijectors.SylvesterFamily(NUM_LAYERS, form="triangular"),
        oracles.sylvester,
        layer_options=lambda k: (None, k % 2 == 1),
    ),
    FamilyEntry(
        bijectors.AutoregressiveFamily(NUM_LAYERS, hidden_units=5),
        oracles.autoregressive,
        layer_options=lambda k: (k % 2 == 1,),
    ),
)
