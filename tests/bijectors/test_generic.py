"""What holds of every bijector: values, log-dets and gradients.

TFP caches by the identity of the input tensor; `tf.identity` breaks the cache.
"""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest
import registry
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tfp_flows import bijectors

SCALES = (0.01, 1.0, 10.0)


def test_every_public_bijector_is_registered():
    public = [getattr(bijectors, name) for name in bijectors.__all__]
    found = [value for value in bijector_classes() if value in public]
    assert set(found) == {entry.bijector_class for entry in registry.ENTRIES}
    assert sorted(bijectors.__all__) == bijectors.__all__


def bijector_classes():
    """Every subclass of `tfb.Bijector` defined anywhere in the package."""
    found = set()
    for module in pkgutil.walk_packages(tfp_flows.__path__, "tfp_flows."):
        if module.name == "tfp_flows.__main__":  # runs the command
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if (
                inspect.isclass(value)
                and issubclass(value, tfp.bijectors.Bijector)
                and value.__module__.startswith("tfp_flows.")
            ):
                found.add(value)
    return found


def test_every_bijector_of_the_package_is_registered_or_exempt():
    registered = {entry.bijector_class for entry in registry.ENTRIES}
    assert bijector_classes() == registered | set(registry.EXEMPT)
    assert not registered & set(registry.EXEMPT)
    assert all(reason for reason in registry.EXEMPT.values())


def tolerance(entry, dtype, scale):
    """Of values relative to max(1, |truth|)."""
    base = {tf.float64: 1e-12, tf.float32: 1e-5}[dtype]
    # In a stack the rounding of a layer's output reaches the pre-activation of the
    # next times |w| ~ scale, and there are two next layers; in a Sylvester layer that of
    # the pre-activations reaches the image times R ~ scale. Below scale 1 neither
    # amplifies.
    return base * max(1.0, scale) ** 2 if entry.has_matrices else base


def relative_error(actual, truth):
    return np.max(np.abs(actual - truth) / np.maximum(1.0, np.abs(truth)))


def autodiff_jacobian(bijector, x):
    """Jacobians [N, D, D] of `bijector` at the points [N, D]."""
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        columns = tf.unstack(bijector.forward(x), axis=-1)
    return np.stack([tape.gradient(y, x).numpy() for y in columns], axis=-2)


@pytest.mark.parametrize("scale", SCALES)
@registry.at_each_size(registry.ENTRIES)
def test_float64_against_autodiff_and_mpmath(entry, scale, event_size, rng):
    parameters, bijector = entry.make(rng, scale, event_size=event_size)
    x = tf.constant(2.0 * rng.normal(size=(8, event_size)))
    image, log_det = entry.truth(x.numpy(), parameters)
    actual = bijector.forward_log_det_jacobian(x).numpy()
    bound = tolerance(entry, tf.float64, scale)
    assert relative_error(bijector.forward(x).numpy(), image) <= bound
    assert relative_error(actual, log_det) <= bound

    jacobian = autodiff_jacobian(bijector, tf.identity(x))
    # The determinant of a matrix with rounded entries has its condition number of
    # epsilons of error: autodiff is no judge where that exceeds 1e-12.
    is_judge = np.linalg.cond(jacobian) < 1e3
    assert np.sum(is_judge) >= 4
    autodiff_log_det = np.linalg.slogdet(jacobian)[1]
    assert relative_error(actual[is_judge], autodiff_log_det[is_judge]) <= bound
    assert np.all(np.linalg.slogdet(jacobian)[0][is_judge] == 1.0)


@pytest.mark.parametrize("scale", SCALES)
@registry.at_each_size(registry.ENTRIES)
def test_float32_against_float64(entry, scale, event_size, rng):
    parameters, bijector = entry.make(rng, scale, event_size=event_size, dtype=tf.float32)
    x = tf.constant(2.0 * rng.normal(size=(8, event_size)), tf.float32)
    wide = entry.build(**{name: tf.cast(p, tf.float64) for name, p in parameters.items()})
    wide_x = tf.cast(x, tf.float64)
    y, log_det = bijector.forward(x), bijector.forward_log_det_jacobian(x)
    assert y.dtype == tf.float32
    assert log_det.dtype == tf.float32
    bound = tolerance(entry, tf.float32, scale)
    assert relative_error(y.numpy(), wide.forward(wide_x).numpy()) <= bound
    truth = wide.forward_log_det_jacobian(wide_x).numpy()
    assert relative_error(log_det.numpy(), truth) <= bound


@pytest.mark.parametrize("scale", SCALES)
def test_one_dimensional_maps_increase(entry, scale, rng):
    # Only D = 1 shows bijectivity on a grid. Images may coincide, to rounding, where
    # the slope is below epsilon.
    x = tf.constant(np.linspace(-30.0, 30.0, 2001)[:, np.newaxis, np.newaxis])
    x = tf.repeat(x, 3, axis=1)
    _, bijector = entry.make(rng, scale, batch_shape=[3], event_size=1)
    with tf.GradientTape() as tape:
        tape.watch(x)
        image, log_det = bijector.forward_and_log_det(x)
    y, slope = image.numpy()[..., 0], tape.gradient(image, x).numpy()[..., 0]
    assert np.all(np.diff(y, axis=0) >= -1e-12 * np.max(np.abs(y), axis=0))
    assert np.all(y[0] < y[-1])
    np.testing.assert_allclose(np.exp(log_det), slope, rtol=1e-6, atol=1e-10)


@registry.at_each_size(registry.ENTRIES)
def test_batches_of_parameters_broadcast_against_points(entry, event_size, rng):
    batched = entry.draw(rng, 1.0, (4, 1), event_size)
    single = entry.draw(rng, 1.0, (), event_size)
    one_alone = [{**single, name: value} for name, value in batched.items()]
    for parameters in (single, batched, *one_alone):
        batch_shape = () if parameters is single else (4, 1)
        bijector = entry.build(**parameters)
        assert bijector.experimental_batch_shape() == batch_shape
        for points_shape in ((), (6, 1, 2)):
            x = rng.normal(size=(*points_shape, event_size))
            y, log_det = bijector.forward_and_log_det(x)
            image, truth = entry.oracle(x, parameters)
            shape = np.broadcast_shapes(points_shape, batch_shape)
            assert y.shape == (*shape, event_size)
            assert log_det.shape == shape
            np.testing.assert_allclose(y, image, rtol=1e-10, atol=1e-10)
            np.testing.assert_allclose(log_det, truth, rtol=1e-10, atol=1e-10)


def test_batch_shape(entry, rng):
    _, bijector = entry.make(rng, batch_shape=(5, 4))
    assert bijector.experimental_batch_shape() == (5, 4)
    assert bijector.experimental_batch_shape(x_event_ndims=2) == (5,)
    np.testing.assert_array_equal(bijector.experimental_batch_shape_tensor(), (5, 4))
    assert entry.make(rng)[1].experimental_batch_shape() == ()


def test_log_det_of_more_event_dimensions_is_summed(entry, rng):
    _, bijector = entry.make(rng, event_size=3)
    x = tf.constant(rng.normal(size=(5, 4, 3)))
    np.testing.assert_allclose(
        bijector.forward_log_det_jacobian(tf.identity(x), event_ndims=2),
        tf.reduce_sum(bijector.forward_log_det_jacobian(x), axis=-1),
        rtol=1e-12,
    )


def test_event_shape_is_kept(entry, rng):
    _, bijector = entry.make(rng, event_size=3)
    assert bijector.forward_min_event_ndims == 1
    assert bijector.inverse_min_event_ndims == 1
    assert bijector.forward_event_shape([7, 3]) == [7, 3]
    assert not bijector.is_constant_jacobian


@registry.at_each_size(registry.ENTRIES)
def test_gradients_match_finite_differences(entry, event_size, rng):
    values = entry.draw(rng, 1.0, (), event_size)
    values["x"] = rng.normal(size=(4, event_size))
    weight_y, weight_log_det = rng.normal(size=(4, event_size)), rng.normal(size=4)

    def outputs(arguments):
        arguments = dict(arguments)
        x = arguments.pop("x")
        y, log_det = entry.build(**arguments).forward_and_log_det(x)
        return tf.stack(
            [tf.reduce_sum(weight_y * y), tf.reduce_sum(weight_log_det * log_det)]
        )

    inputs = {name: tf.constant(value) for name, value in values.items()}
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        y, log_det = tf.unstack(outputs(inputs))
    step = 1e-5
    for name, value in values.items():
        direction = rng.normal(size=value.shape)
        moved = [
            outputs({**values, name: tf.constant(value + sign * step * direction)})
            for sign in (1.0, -1.0)
        ]
        expected = (moved[0] - moved[1]) / (2.0 * step)
        actual = [
            tf.reduce_sum(direction * tape.gradient(target, inputs[name]))
            for target in (y, log_det)
        ]
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_half_precision(entry, dtype, rng):
    parameters, bijector = entry.make(rng, dtype=dtype)
    x = tf.constant(rng.normal(size=(20, 2)), dtype)
    y, log_det = bijector.forward(x), bijector.forward_log_det_jacobian(x)
    assert y.dtype == dtype
    assert log_det.dtype == dtype
    image, truth = entry.oracle(
        tf.cast(x, tf.float64).numpy(),
        {name: tf.cast(p, tf.float64) for name, p in parameters.items()},
    )
    # bfloat16 has 8 bits: a few of its epsilons (2^-7) per layer, amplified by w ~ 1.
    np.testing.assert_allclose(tf.cast(y, tf.float64), image, rtol=0.1, atol=0.2)
    np.testing.assert_allclose(tf.cast(log_det, tf.float64), truth, rtol=0.1, atol=0.2)
