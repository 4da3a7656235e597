"""What holds of every bijector's inverse: values, log-dets and implicit gradients.

The points given to inverses are drawn, not computed by `forward`, so that TFP's cache
has nothing to return.
"""

import numpy as np
import pytest
import registry
import tensorflow as tf

one_per_class = pytest.mark.parametrize(
    "entry", registry.one_per_class(), ids=lambda entry: entry.name
)


def tolerance(entry, dtype, scale):
    """Of the image of the inverse, relative to max(1, |y|)."""
    base = {tf.float64: 1e-13, tf.float32: 1e-5}[dtype]
    # The image of a point moves by the Jacobian, of the size of scale^2 per layer, times
    # the rounding of the point.
    layers = registry.NUM_LAYERS if entry.stacked else 1
    return base * max(1.0, scale) ** (2 * layers)


@pytest.mark.parametrize(
    ("scale", "dtype"),
    [
        pytest.param(0.01, tf.float64, marks=pytest.mark.slow),
        (1.0, tf.float64),
        (10.0, tf.float64),
        pytest.param(1.0, tf.float32, marks=pytest.mark.slow),
        (10.0, tf.float32),
    ],
)
def test_exact_image_of_the_inverse(entry, scale, dtype, rng):
    parameters, bijector = entry.make(rng, scale, event_size=3, dtype=dtype)
    y = tf.constant(2.0 * rng.normal(size=(4, 3)), dtype)
    x = bijector.inverse(y)
    assert x.dtype == dtype
    assert np.max(np.abs(x - y)) > 1e-3 * scale
    image, log_det = entry.truth(x.numpy(), parameters)
    bound = tolerance(entry, dtype, scale)
    assert np.max(np.abs(image - y) / np.maximum(1.0, np.abs(y))) <= bound
    actual = bijector.inverse_log_det_jacobian(tf.identity(y)).numpy()
    np.testing.assert_allclose(actual, -log_det, rtol=100 * bound, atol=100 * bound)


@registry.at_each_size(registry.ENTRIES)
def test_inverse_of_forward(entry, event_size, rng):
    _, bijector = entry.make(rng, batch_shape=(4, 1), event_size=event_size)
    x = tf.constant(rng.normal(size=(50, 1, 2, event_size)))
    y = tf.identity(bijector.forward(x))
    returned = bijector.inverse(y)
    assert returned.shape == (50, 4, 2, event_size)
    np.testing.assert_allclose(returned, tf.broadcast_to(x, y.shape), 1e-10, 1e-11)
    np.testing.assert_allclose(
        bijector.inverse_log_det_jacobian(tf.identity(y)),
        -bijector.forward_log_det_jacobian(tf.identity(x)),
        rtol=1e-9,
        atol=1e-10,
    )


@one_per_class
def test_batches_of_parameters_broadcast_against_images(entry, rng):
    values = entry.draw(rng, 1.0, (4, 1), 3)
    values = {name: v if i % 2 else v[0, 0] for i, (name, v) in enumerate(values.items())}
    bijector = entry.build(**values)
    for points_shape in ((), (6, 1, 2)):
        y = tf.constant(rng.normal(size=(*points_shape, 3)))
        x = bijector.inverse(y)
        image, log_det = entry.oracle(x.numpy(), values)
        shape = np.broadcast_shapes(points_shape, (4, 1))
        assert x.shape == (*shape, 3)
        np.testing.assert_allclose(image, np.broadcast_to(y, x.shape), 1e-10, 1e-10)
        actual = bijector.inverse_log_det_jacobian(tf.identity(y))
        assert actual.shape == shape
        np.testing.assert_allclose(actual, -log_det, rtol=1e-9, atol=1e-10)


def outputs(entry, arguments, weights):
    """Two scalars: of the inverse, and of its log-det."""
    arguments = dict(arguments)
    y = arguments.pop("y")
    bijector = entry.build(**arguments)
    return (
        tf.reduce_sum(weights[0] * bijector.inverse(y)),
        tf.reduce_sum(weights[1] * bijector.inverse_log_det_jacobian(tf.identity(y))),
    )


def gradients(entry, arguments, weights):
    """Gradients of each scalar to every argument."""
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(arguments)
        scalars = outputs(entry, arguments, weights)
    return [tape.gradient(scalar, arguments) for scalar in scalars]


@pytest.fixture
def problem(entry, rng):
    """Arguments, float64, and the weights of the two scalars."""
    arguments = {**entry.draw(rng, 1.0, (), 3), "y": rng.normal(size=(4, 3))}
    weights = rng.normal(size=(4, 3)), rng.normal(size=4)
    return {n: tf.constant(v) for n, v in arguments.items()}, weights


def moved_along_a_direction(arguments, step, rng):
    """A random direction in all arguments, and the arguments a step up and down it."""
    directions = {name: rng.normal(size=value.shape) for name, value in arguments.items()}
    up, down = (
        {name: value + sign * directions[name] for name, value in arguments.items()}
        for sign in (step, -step)
    )
    return directions, up, down


def directional(gradient, directions):
    products = [tf.reduce_sum(directions[n] * by_n) for n, by_n in gradient.items()]
    return tf.add_n(products).numpy()


@one_per_class
def test_gradients_match_central_differences(entry, problem, rng):
    arguments, weights = problem
    step = 1e-5
    directions, up, down = moved_along_a_direction(arguments, step, rng)
    scalars = zip(outputs(entry, up, weights), outputs(entry, down, weights), strict=True)
    actual = gradients(entry, arguments, weights)
    for gradient, (above, below) in zip(actual, scalars, strict=True):
        expected = ((above - below) / (2.0 * step)).numpy()
        assert directional(gradient, directions) == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
@one_per_class
def test_second_gradients_match_central_differences(entry, problem, rng):
    arguments, weights = problem

    def weighted(arguments):
        first = tf.nest.flatten(gradients(entry, arguments, weights))
        return tf.add_n([tf.reduce_sum(tf.sin(g)) for g in first])

    with tf.GradientTape() as tape:
        tape.watch(arguments)
        total = weighted(arguments)
    actual = tape.gradient(total, arguments)
    step = 1e-6
    directions, up, down = moved_along_a_direction(arguments, step, rng)
    expected = ((weighted(up) - weighted(down)) / (2.0 * step)).numpy()
    product = directional(actual, directions)
    assert product == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    "method", ["forward_log_det_jacobian", "inverse_log_det_jacobian"]
)
@pytest.mark.parametrize("scale", [3.0, 30.0])
@one_per_class
def test_float32_log_det_has_the_error_of_its_condition(entry, scale, method, rng):
    parameters, bijector = entry.make(rng, scale, event_size=3, dtype=tf.float32)
    points = tf.constant(scale * rng.normal(size=(200, 3)), tf.float32)
    # Parameters of its own for each point, for the gradients of each.
    inputs = {
        name: tf.broadcast_to(tf.cast(value, tf.float64), [200, *value.shape])
        for name, value in parameters.items()
    } | dict(points=tf.cast(points, tf.float64))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        wide = entry.build(**{name: inputs[name] for name in parameters})
        truth = getattr(wide, method)(inputs["points"])
    # To first order, how far roundings of all inputs move it, relative to theirs.
    condition = 1.0 + np.abs(truth)
    for name, gradient in tape.gradient(truth, inputs).items():
        moved = tf.reshape(tf.abs(inputs[name] * gradient), [200, -1])
        condition += np.sum(moved, axis=-1)
    error = np.abs(getattr(bijector, method)(points).numpy() - truth)
    assert np.max(error / condition) < 4.0 * 2.0**-23


@pytest.mark.slow
@one_per_class
def test_jacobian_is_the_inverse_of_the_forward_one(entry, rng):
    _, bijector = entry.make(rng, event_size=3)
    y = tf.constant(rng.normal(size=3))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(y)
        x = bijector.inverse(y)
        fresh = tf.identity(x)
        tape.watch(fresh)
        image = bijector.forward(fresh)
    inverse_jacobian = tape.jacobian(x, y, experimental_use_pfor=False)
    jacobian = tape.jacobian(image, fresh, experimental_use_pfor=False)
    np.testing.assert_allclose(inverse_jacobian @ jacobian, np.eye(3), atol=1e-12)
    log_det = np.linalg.slogdet(inverse_jacobian)[1]
    np.testing.assert_allclose(bijector.inverse_log_det_jacobian(y), log_det, 1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16], ids=lambda d: d.name)
@one_per_class
def test_half_precision(entry, dtype, rng):
    parameters, bijector = entry.make(rng, dtype=dtype)
    y = tf.constant(rng.normal(size=(20, 2)), dtype)
    x, log_det = bijector.inverse(y), bijector.inverse_log_det_jacobian(tf.identity(y))
    assert x.dtype == log_det.dtype == dtype
    wide = entry.build(**{name: tf.cast(p, tf.float64) for name, p in parameters.items()})
    wide_y = tf.cast(y, tf.float64)
    # A few epsilons of bfloat16 (2^-7) per layer, amplified where layers contract.
    np.testing.assert_allclose(tf.cast(x, tf.float64), wide.inverse(wide_y), 0.1, 0.3)
    truth = wide.inverse_log_det_jacobian(wide_y)
    np.testing.assert_allclose(tf.cast(log_det, tf.float64), truth, 0.1, 0.5)


def test_images_that_are_not_finite_stay_in_their_row(entry, rng):
    _, bijector = entry.make(rng)
    y = rng.normal(size=(7, 2))
    good = bijector.inverse(y).numpy()
    y[1::2, 0] = [np.nan, np.inf, -np.inf]
    x = bijector.inverse(y).numpy()
    np.testing.assert_array_equal(x[::2], good[::2])
    assert not np.any(np.all(np.isfinite(x[1::2]), axis=-1))
