"""Whole flows as composite tensors: tf.nest, tf.function, tf.while_loop, XLA."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


two_kinds = pytest.mark.parametrize(
    "make", ["planar-stack", "radial-chain"], indirect=True
)


@pytest.fixture
def x(rng):
    return tf.constant(rng.normal(size=(5, 2)))


def frozen(flow):
    """The flow with tensors for its variables: what a composite tensor carries."""
    leaves = tf.nest.flatten(flow, expand_composites=True)
    values = [tf.convert_to_tensor(leaf) for leaf in leaves]
    return tf.nest.pack_sequence_as(flow, values, expand_composites=True)


def test_nest_round_trip(make, x):
    flow = make()
    leaves = tf.nest.flatten(flow, expand_composites=True)
    held = {variable.ref() for variable in flow.trainable_variables}
    assert held <= {leaf.ref() for leaf in leaves}
    rebuilt = tf.nest.pack_sequence_as(flow, leaves, expand_composites=True)
    assert isinstance(rebuilt, tfd.TransformedDistribution)
    np.testing.assert_array_equal(rebuilt.log_prob(x), flow.log_prob(tf.identity(x)))


# Under XLA, which has to know more than a graph does.
@pytest.mark.parametrize("make", ["planar-stack"], indirect=True)
def test_argument_of_tf_function(make, x):
    log_prob = tf.function(
        lambda flow, x: flow.log_prob(x), jit_compile=True, autograph=False
    )
    for seed in (1, 2):
        flow = frozen(make(num_layers=2, seed=seed))
        np.testing.assert_allclose(
            log_prob(flow, x), flow.log_prob(tf.identity(x)), rtol=1e-10
        )
    assert log_prob.experimental_get_tracing_count() == 1


@two_kinds
def test_result_of_tf_function(make, x):
    flow = make()
    returned = tf.function(lambda: flow)()
    assert isinstance(returned, tfd.TransformedDistribution)
    np.testing.assert_array_equal(returned.log_prob(x), flow.log_prob(tf.identity(x)))


@two_kinds
def test_carried_by_while_loop(make, x):
    flow = frozen(make(num_layers=2))

    @tf.function(autograph=False)
    def iterate(flow, x):
        return tf.while_loop(
            lambda i, *_: i < 3,
            lambda i, flow, total: (i + 1, flow, total + flow.log_prob(x)),
            (0, flow, tf.zeros([5], tf.float64)),
        )

    _, returned, total = iterate(flow, x)
    assert isinstance(returned, tfd.TransformedDistribution)
    np.testing.assert_allclose(total, 3.0 * flow.log_prob(tf.identity(x)), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "jit_compile"),
    [("planar-chain", False), ("radial-stack", False), ("planar-stack", True)],
    indirect=["make"],
)
def test_gradients_of_log_prob(make, jit_compile, x):
    flow = make(num_layers=2)

    def gradients(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            log_prob = tf.reduce_sum(flow.log_prob(x))
        return tape.gradient(log_prob, [x, *flow.trainable_variables])

    compiled = tf.function(gradients, jit_compile=jit_compile, autograph=False)(x)
    for actual, expected in zip(compiled, gradients(tf.identity(x)), strict=True):
        assert np.any(expected != 0.0)
        np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    ("make", "shape"),
    [("planar-stack", None), ("radial-chain", [None, None])],
    indirect=["make"],
)
def test_log_prob_of_points_of_unknown_shape(make, shape, x):
    flow = make(num_layers=2)
    signature = [tf.TensorSpec(shape, x.dtype)]
    log_prob = tf.function(flow.log_prob, input_signature=signature, autograph=False)
    np.testing.assert_allclose(log_prob(x), flow.log_prob(tf.identity(x)), rtol=1e-12)


@pytest.mark.slow
@two_kinds
def test_vectorized_map_of_log_prob(make, x):
    flow = make(num_layers=2)
    mapped = tf.vectorized_map(flow.log_prob, x)
    np.testing.assert_allclose(mapped, flow.log_prob(tf.identity(x)), rtol=1e-12)
