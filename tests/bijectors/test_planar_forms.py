"""The two forms of K planar layers: equal to each other, whatever shapes choose them."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import bijectors
from tfp_flows.bijectors import planar_compact, planar_recurrence, planar_stack
from tfp_flows.bijectors.planar_elementwise import forward_elementwise


def stack_of(rng, num_layers, event_size, batch_shape=(), dtype=tf.float64):
    shape = (*batch_shape, num_layers, event_size)
    w = rng.normal(size=shape)
    u = 0.5 * rng.normal(size=shape)
    b = rng.normal(size=shape[:-1])
    return [tf.constant(value, dtype) for value in (u, w, b)]


# D of the elementwise and of the compact form.
EACH_FORM = (planar_stack.ELEMENTWISE_EVENT_SIZE, planar_stack.ELEMENTWISE_EVENT_SIZE + 1)


def test_small_events_take_the_elementwise_form():
    for event_size, form in [
        (1, forward_elementwise),
        (planar_stack.ELEMENTWISE_EVENT_SIZE, forward_elementwise),
        (planar_stack.ELEMENTWISE_EVENT_SIZE + 1, planar_compact.forward_compact),
        (None, planar_compact.forward_compact),
    ]:
        assert planar_stack.choose_forward(event_size) is form


def outputs(parameters, x):
    with tf.GradientTape(persistent=True) as outer:
        outer.watch((parameters, x))
        with tf.GradientTape() as inner:
            inner.watch((parameters, x))
            y, log_det = bijectors.PlanarStack(*parameters)._forward_and_log_det(x)
            total = tf.reduce_sum(tf.sin(y)) + tf.reduce_sum(tf.cos(log_det))
        first = inner.gradient(total, (parameters, x))
        weighted = tf.add_n([tf.reduce_sum(tf.sin(g)) for g in tf.nest.flatten(first)])
    return y, log_det, first, outer.gradient(weighted, (parameters, x))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num_layers", "batch_shape"), [(1, ()), (2, (2, 1)), (33, (3,))], ids=str
)
def test_forms_agree_to_the_second_derivative(num_layers, batch_shape, rng, monkeypatch):
    event_size = planar_stack.ELEMENTWISE_EVENT_SIZE
    parameters = stack_of(rng, num_layers, event_size, batch_shape)
    x = tf.constant(rng.normal(size=(5, *batch_shape, event_size)))
    results = []
    for limit in (0, event_size):
        monkeypatch.setattr(planar_stack, "ELEMENTWISE_EVENT_SIZE", limit)
        results.append(outputs(parameters, tf.identity(x)))
    for compact, elementwise in zip(*map(tf.nest.flatten, results), strict=True):
        scale = np.max(np.abs(elementwise))
        np.testing.assert_allclose(compact, elementwise, rtol=1e-10, atol=1e-12 * scale)


@pytest.mark.slow
@pytest.mark.parametrize("event_size", EACH_FORM)
def test_second_derivatives_match_central_differences(event_size, rng):
    parameters = stack_of(rng, 5, event_size)
    x = tf.constant(rng.normal(size=(4, event_size)))

    @tf.function
    def first(parameters, x):
        with tf.GradientTape() as tape:
            tape.watch((parameters, x))
            y, log_det = bijectors.PlanarStack(*parameters)._forward_and_log_det(x)
            total = tf.reduce_sum(tf.sin(y)) + tf.reduce_sum(tf.cos(log_det))
        gradients = tape.gradient(total, (parameters, x))
        return tf.add_n([tf.reduce_sum(tf.sin(g)) for g in tf.nest.flatten(gradients)])

    @tf.function
    def second(parameters, x):
        with tf.GradientTape() as tape:
            tape.watch((parameters, x))
            total = first(parameters, x)
        return tape.gradient(total, (parameters, x))

    arguments = [*parameters, x]
    by_parameters, by_x = second(parameters, x)
    for i, gradient in enumerate([*by_parameters, by_x]):
        direction = rng.normal(size=arguments[i].shape)
        moved = []
        for step in (1e-5, -1e-5):
            changed = list(arguments)
            changed[i] = arguments[i] + step * direction
            moved.append(first(changed[:3], changed[3]))
        expected = (moved[0] - moved[1]) / 2e-5
        actual = tf.reduce_sum(direction * gradient)
        assert actual.numpy() == pytest.approx(expected.numpy(), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("event_size", EACH_FORM)
def test_forward_mode_derivatives(event_size, rng):
    parameters = stack_of(rng, 4, event_size)
    x = tf.constant(rng.normal(size=(3, event_size)))
    direction = tf.constant(rng.normal(size=x.shape))
    with tf.autodiff.ForwardAccumulator(x, direction) as accumulator:
        stack = bijectors.PlanarStack(*parameters)
        y, log_det = stack._forward_and_log_det(x)
    step = 1e-6
    for i, tangent in enumerate([accumulator.jvp(y), accumulator.jvp(log_det)]):
        up = stack._forward_and_log_det(x + step * direction)[i]
        down = stack._forward_and_log_det(x - step * direction)[i]
        np.testing.assert_allclose(tangent, (up - down) / (2 * step), 1e-6, 1e-7)


def test_many_layers_split_into_blocks(rng, monkeypatch):
    event_size = planar_stack.ELEMENTWISE_EVENT_SIZE + 1
    u, w, b = stack_of(rng, 20, event_size)
    stack = bijectors.PlanarStack(0.1 * u, w, b)
    x = tf.constant(rng.normal(size=(6, event_size)))
    expected = stack._forward_and_log_det(x)
    for block in (1, 7):
        monkeypatch.setattr(planar_recurrence, "_BLOCK", block)
        for actual, truth in zip(stack._forward_and_log_det(x), expected, strict=True):
            np.testing.assert_allclose(actual, truth, rtol=1e-12, atol=1e-12)
        returned, log_det = stack._inverse_and_log_det(expected[0])
        np.testing.assert_allclose(returned, x, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(log_det, expected[1], rtol=1e-9, atol=1e-9)


def test_only_the_triangle_of_the_system_counts(rng):
    a = tf.constant(rng.normal(size=(4, 5)))
    g = tf.constant(rng.normal(size=(4, 4)))
    s = planar_recurrence.forward_substitution(a, g)
    for k in range(4):
        expected = a[k] + sum(g[k, j] * np.tanh(s[j]) for j in range(k))
        np.testing.assert_allclose(s[k], expected, rtol=1e-13)
    q = tf.constant([0.5, 2.0, 1e-3, 1.0], tf.float64)
    s = planar_recurrence.backward_substitution(a, g, q)
    for k in range(4):
        expected = s[k] + (q[k] - 1.0) * np.tanh(s[k])
        expected += sum(g[k, j] * np.tanh(s[j]) for j in range(k + 1, 4))
        np.testing.assert_allclose(a[k], expected, rtol=1e-11, atol=1e-12)


def test_training_stores_pre_activations_not_points(rng):
    # What the loops hand to the gradient: nothing of the size of K points of D numbers.
    num_layers, event_size, samples = 16, 64, 50
    parameters = stack_of(rng, num_layers, event_size, dtype=tf.float32)

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y, log_det = bijectors.PlanarStack(*parameters)._forward_and_log_det(x)
            total = tf.reduce_sum(y) + tf.reduce_sum(log_det)
        return tape.gradient(total, x)

    graph = step.get_concrete_function(tf.TensorSpec([samples, event_size])).graph
    names = {operation.type for operation in graph.get_operations()}
    assert not any("TensorListPushBack" in name for name in names)
    sizes = [
        output.shape.num_elements()
        for operation in graph.get_operations()
        for output in operation.outputs
        if output.shape.is_fully_defined()
    ]
    assert max(sizes) <= max(samples, num_layers) * event_size


@pytest.mark.parametrize("event_size", EACH_FORM)
def test_points_know_the_event_size_that_parameters_do_not(event_size, rng):
    parameters = stack_of(rng, 3, event_size)
    x = tf.constant(rng.normal(size=(4, event_size)))
    shapes = [3, None], [3, None], [3], [None, event_size]

    @tf.function(input_signature=[tf.TensorSpec(shape, x.dtype) for shape in shapes])
    def forward(u, w, b, x):
        return bijectors.PlanarStack(u, w, b)._forward_and_log_det(x)

    expected = bijectors.PlanarStack(*parameters)._forward_and_log_det(x)
    for actual, truth in zip(forward(*parameters, x), expected, strict=True):
        np.testing.assert_allclose(actual, truth, rtol=1e-12)
