"""What holds of every bijector inside tf.function, XLA and tf.while_loop."""

import numpy as np
import pytest
import registry
import tensorflow as tf

one_per_class = pytest.mark.parametrize(
    "entry", registry.one_per_class(), ids=lambda entry: entry.name
)


def forward_and_log_det(bijector, x):
    return bijector.forward(x), bijector.forward_log_det_jacobian(x)


def inverse_and_log_det(bijector, y):
    return bijector.inverse(y), bijector.inverse_log_det_jacobian(y)


def round_trip(bijector, x):
    y, log_det = forward_and_log_det(bijector, x)
    # Another tensor, of which caches know nothing.
    return y, log_det, *inverse_and_log_det(bijector, tf.identity(y))


def assert_same(actual, expected):
    """Two structures of float64 arrays, of two orders of the same operations."""
    tf.nest.map_structure(
        lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-10, atol=1e-10),
        actual,
        expected,
    )


def assert_round_trip(actual, bijector, x):
    """The image and its log-det are those of eager mode; the inverse undoes them."""
    y, log_det = forward_and_log_det(bijector, x)
    assert_same(actual, (y, log_det, tf.broadcast_to(x, y.shape), -log_det))


def assert_xla_agrees_with_eager(maps, entry, event_size, rng):
    """Of value, log-det and what else there is, and gradients of the first two."""
    parameters, _ = entry.make(rng, batch_shape=(3,), event_size=event_size)
    x = tf.constant(rng.normal(size=(5, 3, event_size)))

    def values_and_gradients(parameters, x):
        with tf.GradientTape() as tape:
            tape.watch((parameters, x))
            y, log_det, *others = maps(entry.build(**parameters), x)
            total = tf.reduce_sum(tf.sin(y)) + tf.reduce_sum(log_det)
        return y, log_det, others, tape.gradient(total, (parameters, x))

    compiled = tf.function(values_and_gradients, jit_compile=True)
    expected = values_and_gradients(parameters, tf.identity(x))
    assert_same(compiled(parameters, x), expected)


@registry.at_each_size(registry.one_stack_per_class())
def test_forward_and_score_under_xla_agree_with_eager(entry, event_size, rng):
    def maps(bijector, x):
        return *forward_and_log_det(bijector, x), bijector.forward_score(x, -x)

    assert_xla_agrees_with_eager(maps, entry, event_size, rng)


@pytest.mark.slow
@pytest.mark.parametrize(
    "entry",
    # The inverse of Sylvester layers is the code of planar ones.
    [e for e in registry.one_stack_per_class() if not e.name.startswith("Sylvester")],
    ids=lambda entry: entry.name,
)
def test_inverse_under_xla_agrees_with_eager(entry, rng):
    assert_xla_agrees_with_eager(inverse_and_log_det, entry, 3, rng)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("entry", "batch_shape"),
    # What has batches of parameters; those without differ in code that stacks share.
    [
        *((entry, (1, 2)) for entry in registry.one_per_class()),
        *((entry, ()) for entry in registry.one_per_class()[:2]),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_points_of_unknown_rank(entry, batch_shape, rng):
    _, bijector = entry.make(rng, batch_shape=batch_shape, event_size=3)
    maps = round_trip if batch_shape else forward_and_log_det
    compiled = tf.function(
        lambda points: maps(bijector, points),
        input_signature=[tf.TensorSpec(None, tf.float64)],
    )
    for shape in [(), (0, 1), (4, 1, 5, 2)]:
        x = tf.constant(rng.normal(size=(*shape, 3)))
        actual = compiled(x)
        full = np.broadcast_shapes(batch_shape, shape)
        assert [a.shape for a in actual] == [(*full, 3), full] * (len(actual) // 2)
        if batch_shape:
            assert_round_trip(actual, bijector, x)
        else:
            assert_same(actual, forward_and_log_det(bijector, x))


@pytest.mark.slow
@one_per_class
def test_graphs_of_sessions_agree_with_eager(entry, rng):
    # There, == of tensors is that of Python objects.
    values = entry.draw(rng, 1.0, (), 3)
    x = rng.normal(size=(5, 3))
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        bijector = entry.build(**values)
        points = tf.constant(x)
        score = bijector.forward_score(points, points)
        *actual, score = session.run([*round_trip(bijector, points), score])
    bijector = entry.build(**values)
    assert_round_trip(tuple(actual), bijector, x)
    np.testing.assert_allclose(score, bijector.forward_score(x, x), rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize(
    "entry",
    # And stacks without reflections, as their Q has the size of another parameter.
    [
        *registry.one_per_class(),
        *[e for e in registry.stacks() if e.form == "Triangular"],
    ],
    ids=lambda entry: entry.name,
)
def test_parameters_of_unknown_shape(entry, rng):
    # Batch and event sizes may be unknown; the number of layers of a stack may not.
    parameters, bijector = entry.make(rng, batch_shape=(4,), event_size=3)
    x = tf.constant(rng.normal(size=(5, 4, 3)))
    signature = {}
    for name, event_ndims in entry.event_ndims.items():
        shape = [None] * (1 + event_ndims)
        if entry.stacked:
            shape[1] = registry.NUM_LAYERS
        signature[name] = tf.TensorSpec(shape, tf.float64)
    compiled = tf.function(
        lambda parameters, points: round_trip(entry.build(**parameters), points),
        input_signature=[signature, tf.TensorSpec([None, None, None], tf.float64)],
    )
    assert_round_trip(compiled(parameters, x), bijector, x)


def test_is_a_composite_tensor(entry, rng):
    parameters, bijector = entry.make(rng)
    leaves = tf.nest.flatten(bijector, expand_composites=True)
    assert len(leaves) == len(parameters)
    rebuilt = tf.nest.pack_sequence_as(bijector, leaves, expand_composites=True)
    assert isinstance(rebuilt, entry.bijector_class)
    x = tf.constant(rng.normal(size=(5, 2)))
    np.testing.assert_array_equal(rebuilt.forward(x), bijector.forward(x))


@one_per_class
def test_passes_through_tf_function_and_while_loop(entry, rng):
    x = tf.constant(rng.normal(size=(5, 2)))

    def body(i, bijector, z, total):
        z, log_det = forward_and_log_det(bijector, z)
        return i + 1, bijector, z, total + log_det

    @tf.function(autograph=False)
    def iterate(bijector, x):
        start = (0, bijector, x, tf.zeros([5], tf.float64))
        return tf.while_loop(lambda i, *_: i < 2, body, start)

    for _ in range(2):
        _, bijector = entry.make(rng)
        _, returned, y, total = iterate(bijector, x)
        middle, first = forward_and_log_det(bijector, tf.identity(x))
        z, second = forward_and_log_det(bijector, tf.identity(middle))
        assert isinstance(returned, entry.bijector_class)
        assert_same((y, total), (z, first + second))
    assert iterate.experimental_get_tracing_count() == 1


@one_per_class
def test_variables_pass_through_tf_function_live(entry, rng):
    values = entry.draw(rng, 1.0, (), 2)
    variables = {name: tf.Variable(value) for name, value in values.items()}
    bijector = entry.build(**variables)
    x = tf.constant(rng.normal(size=(5, 2)))
    compiled = tf.function(lambda points: forward_and_log_det(bijector, points))
    compiled(x)
    for variable in variables.values():
        variable.assign(1.5 * variable)
    y, log_det = compiled(x)
    image, truth = entry.oracle(x.numpy(), variables)
    np.testing.assert_allclose(y, image, rtol=1e-10)
    np.testing.assert_allclose(log_det, truth, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
@registry.at_each_size(registry.one_stack_per_class())
def test_vectorized_map_over_points(entry, event_size, rng):
    _, bijector = entry.make(rng, event_size=event_size)
    x = tf.constant(rng.normal(size=(5, 4, event_size)))
    mapped = tf.vectorized_map(lambda points: forward_and_log_det(bijector, points), x)
    assert_same(mapped, forward_and_log_det(bijector, tf.identity(x)))


@pytest.mark.slow
@one_per_class
def test_vectorized_map_over_parameters(entry, rng):
    parameters, bijector = entry.make(rng, batch_shape=(4,), event_size=3)
    x = tf.constant(rng.normal(size=(4, 3)))
    maps = round_trip if entry.stacked else forward_and_log_det
    mapped = tf.vectorized_map(lambda p: maps(entry.build(**p[0]), p[1]), (parameters, x))
    assert_same(mapped, maps(bijector, tf.identity(x)))
