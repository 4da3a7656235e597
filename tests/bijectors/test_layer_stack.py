"""K layers at once: the same as a chain of K single layers, in one pass."""

import numpy as np
import pytest
import registry
import tensorflow as tf
import tensorflow_probability as tfp

one_per_class = pytest.mark.parametrize(
    "entry", registry.one_stack_per_class(), ids=lambda entry: entry.name
)


@pytest.fixture(params=registry.stacks(), ids=lambda entry: entry.name)
def entry(request):
    """Each bijector of several layers in turn."""
    return request.param


def layers_of(entry, parameters):
    """The single layers of a stack of `parameters`, first to last."""
    unstacked = {
        name: tf.unstack(value, axis=-entry.event_ndims[name])
        for name, value in parameters.items()
    }
    return [
        entry.layer_class(
            **dict(zip(unstacked, values, strict=True)), **entry.layer_options(k)
        )
        for k, values in enumerate(zip(*unstacked.values(), strict=True))
    ]


def chain_of(entry, parameters):
    """The `tfb.Chain` that a stack of `parameters` equals."""
    return tfp.bijectors.Chain(layers_of(entry, parameters)[::-1])


def outputs_and_gradients(make, parameters, points, inverse):
    """Image, log-det, and gradients of a function of both to every input."""
    points = tf.identity(points)
    with tf.GradientTape() as tape:
        tape.watch((parameters, points))
        bijector = make(parameters)
        if inverse:
            moved = bijector.inverse(points)
            log_det = bijector.inverse_log_det_jacobian(points)
        else:
            moved = bijector.forward(points)
            log_det = bijector.forward_log_det_jacobian(points)
        total = tf.reduce_sum(tf.sin(moved)) + tf.reduce_sum(tf.square(log_det))
    return moved, log_det, tape.gradient(total, (parameters, points))


def assert_equals_chain(entry, parameters, x, inverse=False):
    stack = outputs_and_gradients(
        lambda p: entry.bijector_class(**p), parameters, tf.constant(x), inverse
    )
    chain = outputs_and_gradients(
        lambda p: chain_of(entry, p), parameters, tf.constant(x), inverse
    )
    for actual, expected in zip(
        tf.nest.flatten(stack), tf.nest.flatten(chain), strict=True
    ):
        assert actual.shape == expected.shape
        assert np.all(np.isfinite(actual))
        np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)
    return stack


@pytest.mark.parametrize(
    ("batch_shape", "points_shape"), [((2,), ()), ((2, 1), (5, 1, 4))]
)
@registry.at_each_size(registry.stacks())
def test_equals_a_chain(entry, event_size, batch_shape, points_shape, rng):
    parameters, _ = entry.make(rng, batch_shape=batch_shape, event_size=event_size)
    x = rng.normal(size=(*points_shape, event_size))
    y, log_det, _ = assert_equals_chain(entry, parameters, x)
    assert y.shape == (*np.broadcast_shapes(batch_shape, points_shape), event_size)
    assert log_det.shape == np.broadcast_shapes(batch_shape, points_shape)


@pytest.mark.slow
@one_per_class
def test_inverse_equals_a_chain(entry, rng):
    parameters, _ = entry.make(rng, batch_shape=(2, 1), event_size=3)
    y = rng.normal(size=(5, 1, 4, 3))
    x, log_det, _ = assert_equals_chain(entry, parameters, y, inverse=True)
    assert x.shape == (5, 2, 4, 3)
    assert log_det.shape == (5, 2, 4)


@pytest.mark.slow
@registry.at_each_size(registry.one_stack_per_class())
def test_equals_a_chain_if_one_parameter_has_a_batch(entry, event_size, rng):
    batched, _ = entry.make(rng, batch_shape=(2, 1), event_size=event_size)
    single, _ = entry.make(rng, event_size=event_size)
    x = rng.normal(size=(5, event_size))
    for name in single:
        assert_equals_chain(entry, {**single, name: batched[name]}, x)


def test_one_layer_equals_the_single_bijector(entry, rng):
    parameters, _ = entry.make(rng, batch_shape=(4,), event_size=3)
    first = {
        name: tf.gather(value, [0], axis=-entry.event_ndims[name])
        for name, value in parameters.items()
    }
    stack, single = entry.bijector_class(**first), layers_of(entry, first)[0]
    assert stack.num_layers == 1
    x = tf.constant(rng.normal(size=(5, 4, 3)))
    np.testing.assert_allclose(
        stack.forward(x), single.forward(x), rtol=1e-12, atol=1e-12
    )
    np.testing.assert_allclose(
        stack.forward_log_det_jacobian(x),
        single.forward_log_det_jacobian(x),
        rtol=1e-12,
        atol=1e-12,
    )


@one_per_class
def test_stacks_in_a_chain_know_their_own_log_dets_in_a_graph(entry, rng):
    """A stack hands its log-det on with its image, which the next one must not take."""
    (_, first), (_, second) = entry.make(rng), entry.make(rng)
    chain = tfp.bijectors.Chain([second, first])
    x = tf.constant(rng.normal(size=(5, 2)))
    log_det = tf.function(lambda x: (chain.forward(x), chain.forward_log_det_jacobian(x)))
    y = tf.identity(first.forward(x))
    expected = first.forward_log_det_jacobian(tf.identity(x))
    expected += second.forward_log_det_jacobian(y)
    np.testing.assert_allclose(log_det(x)[1], expected, rtol=1e-12)


def test_layers_apply_first_to_last(entry, rng):
    parameters, stack = entry.make(rng)
    layers = layers_of(entry, parameters)
    x = tf.constant(rng.normal(size=(5, 2)))
    forwards, backwards = x, x
    for layer in layers:
        forwards = layer.forward(forwards)
    for layer in layers[::-1]:
        backwards = layer.forward(backwards)
    np.testing.assert_allclose(stack.forward(x), forwards, rtol=1e-12, atol=1e-12)
    assert np.max(np.abs(stack.forward(x) - backwards)) > 1e-3


def test_log_det_does_not_depend_on_the_order_of_calls(entry, rng):
    _, stack = entry.make(rng)
    x = tf.constant(rng.normal(size=(5, 2)))
    log_det_alone = stack.forward_log_det_jacobian(tf.identity(x))
    stack.forward(x)
    np.testing.assert_array_equal(stack.forward_log_det_jacobian(x), log_det_alone)


def test_number_of_layers(entry, rng):
    parameters, stack = entry.make(rng, batch_shape=(2,))
    assert stack.num_layers == registry.NUM_LAYERS
    for name, value in parameters.items():
        assert getattr(stack, name) is value


def loops_of(function, *signature):
    """The number of loops in the graph of a function."""
    graph = tf.function(function).get_concrete_function(*signature).graph
    return sum("While" in operation.type for operation in graph.get_operations())


def test_sample_and_log_prob_take_one_pass(entry, rng):
    _, stack = entry.make(rng, event_size=3)
    flow = tfp.distributions.TransformedDistribution(
        tfp.distributions.MultivariateNormalDiag(tf.zeros(3, tf.float64), np.ones(3)),
        stack,
    )
    sample_and_log_prob = flow.experimental_sample_and_log_prob
    assert loops_of(lambda: sample_and_log_prob(7, seed=[0, 1])) == 1


@one_per_class
@pytest.mark.parametrize("log_det_first", [False, True])
def test_value_and_log_det_take_one_pass(entry, log_det_first, rng):
    _, stack = entry.make(rng)
    methods = [stack.forward, stack.forward_log_det_jacobian]
    if log_det_first:
        methods.reverse()
    signature = tf.TensorSpec([5, 2], tf.float64)
    assert loops_of(lambda x: [method(x) for method in methods], signature) == 1


def test_numbers_of_layers_that_differ_are_refused(entry, rng):
    parameters, _ = entry.make(rng)
    for name, value in parameters.items():
        for size in (1, 2):  # 1 would broadcast
            fewer = tf.gather(value, range(size), axis=-entry.event_ndims[name])
            with pytest.raises(ValueError, match=f"{name}: {size}") as caught:
                entry.bijector_class(**{**parameters, name: fewer})
            assert entry.bijector_class.__name__ in str(caught.value)
            assert f": {registry.NUM_LAYERS}" in str(caught.value)


def test_no_layers_are_refused(entry, rng):
    parameters, _ = entry.make(rng)
    empty = {
        name: tf.gather(value, tf.zeros([0], tf.int32), axis=-entry.event_ndims[name])
        for name, value in parameters.items()
    }
    with pytest.raises(ValueError, match=r"K >= 1.*: 0"):
        entry.bijector_class(**empty)


def test_parameters_without_a_layer_axis_are_refused(entry, rng):
    parameters, _ = entry.make(rng)
    for name, value in parameters.items():
        single = tf.unstack(value, axis=-entry.event_ndims[name])[0]
        with pytest.raises(ValueError, match=rf"`{name}` of shape \[\.\.\., K"):
            entry.bijector_class(**{**parameters, name: single})


@pytest.mark.parametrize("is_rank_known", [True, False])
def test_unknown_number_of_layers_is_refused(entry, is_rank_known, rng):
    parameters, _ = entry.make(rng)
    signature = {
        name: tf.TensorSpec(
            [None] * value.shape.rank if is_rank_known else None, tf.float64
        )
        for name, value in parameters.items()
    }
    build = tf.function(lambda p: entry.bijector_class(**p).forward([0.0, 1.0]))
    with pytest.raises(ValueError, match=f"{entry.bijector_class.__name__} needs"):
        build.get_concrete_function(signature)
