"""Bad arguments and inputs of the layers."""

import keras
import numpy as np
import pytest

from tfp_flows import layers

Z0, H = np.zeros([3, 2], np.float32), np.zeros([3, 5], np.float32)


@pytest.mark.parametrize("num_layers", [0, -1, 1.5, True, None])
def test_num_layers(case, num_layers):
    with pytest.raises(ValueError, match="`num_layers` must be an integer of at least 1"):
        case.make(num_layers)


def test_seed_and_scale(case):
    with pytest.raises(TypeError, match="`seed` must be a Python int or None"):
        case.make(seed=[1, 2])
    with pytest.raises(ValueError, match="`init_scale` must be at least 0, but got -1"):
        case.make(init_scale=-1.0)


@pytest.mark.parametrize("seed", [-1, 10**30], ids=str)
def test_seeds_of_any_size_are_good(seed):
    images = [layers.AmortizedPlanar(1, seed=seed)([Z0, H])[0] for _ in range(2)]
    np.testing.assert_array_equal(*images)


@pytest.mark.parametrize("inputs", [[Z0], [Z0, H, H], Z0, {"z0": Z0, "h": H}], ids=str)
def test_amortized_layers_need_a_pair(inputs):
    with pytest.raises(ValueError, match=r"called on two inputs, \[z0, h\]"):
        layers.AmortizedPlanar(2)(inputs)


@pytest.mark.parametrize("build_first", [False, True])
@pytest.mark.parametrize(
    ("z0", "h", "message"),
    [
        (Z0, H[:2], "z0 has batch size 3 .* and h 2"),
        (np.zeros([3, 4, 2]), H, r"samples of one data point go first: \[S, B, D\]"),
        (Z0, H[:1], "z0 has batch size 3 .* and h 1"),
        (Z0[0], H, r"z0 of shape \[..., B, D\] and h of shape \[B, H\], but got \(2,\)"),
        (Z0, H[0], r"but got \(3, 2\) and \(5,\)"),
        (Z0, H[np.newaxis], r"but got \(3, 2\) and \(1, 3, 5\)"),
    ],
)
def test_shapes_that_do_not_fit(z0, h, message, build_first):
    layer = layers.AmortizedPlanar(2)
    if build_first:
        layer([Z0, H])
    with pytest.raises(ValueError, match=message):
        layer([z0.astype(np.float32), h])


def test_symbolic_inputs_are_checked_too():
    layer = layers.AmortizedPlanar(2)
    z0, h = keras.Input((2,)), keras.Input((5,))
    with pytest.raises(ValueError, match="called on two inputs"):
        layer(z0)
    with pytest.raises(TypeError, match="`h` is int32"):
        layer([z0, keras.Input((5,), dtype="int32")])
    with pytest.raises(ValueError, match="static last axis"):
        layers.AmortizedPlanar(2)([keras.Input((None,)), h])
    with pytest.raises(TypeError, match="`z0` is int32"):
        layers.SharedPlanar(2)(keras.Input((2,), dtype="int32"))


@pytest.mark.parametrize("position", [0, 1])
def test_integer_inputs(position):
    inputs = [Z0, H]
    name = ("z0", "h")[position]
    inputs[position] = inputs[position].astype(np.int32)
    with pytest.raises(TypeError, match=f"floating-point inputs, but `{name}` is int32"):
        layers.AmortizedPlanar(2)(inputs)


def test_shared_layers(shared_case):
    layer = shared_case.make()
    with pytest.raises(ValueError, match="has no weights yet; call it on points"):
        _ = layer.bijector
    with pytest.raises(TypeError, match="`z0` is int64"):
        layer(np.zeros([3, 4], np.int64))
    layer(np.zeros([3, 4], np.float32))
    with pytest.raises(ValueError, match="points of event size 3"):
        layer(np.zeros([3, 3], np.float32))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(form="orthonormal"), "`form` must be one of 'orthogonal'"),
        (dict(num_units=0), "`num_units` must be an integer of at least 1"),
        (dict(form="triangular", num_reflections=2), "a choice of the householder form"),
        (dict(form="householder", num_reflections=0), "`num_reflections` must be"),
    ],
)
@pytest.mark.parametrize("name", ["AmortizedSylvester", "SharedSylvester"])
def test_sylvester_sizes(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(layers, name)(2, **arguments)


def test_sylvester_units_against_the_event_size():
    with pytest.raises(ValueError, match="at most the event size, 2,"):
        layers.SharedSylvester(2, 3)(Z0)
    with pytest.raises(ValueError, match="as many units as the event size, 2"):
        layers.AmortizedSylvester(2, 3, form="triangular")([Z0, H])


def test_sizes_that_nothing_can_hold(case):
    layer = case.make(2, seed=0)
    config = layer.get_config() | dict(num_layers=10**9)
    hostile = type(layer).from_config(config)
    shapes = [(None, 4), (None, 5)] if case.amortized else (None, 4)
    with pytest.raises(ValueError, match=r"would have [\d,]+ weights, more than"):
        hostile.build(shapes)
