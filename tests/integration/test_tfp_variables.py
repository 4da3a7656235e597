"""Variables of flows are read in the methods, not before, and once in each."""

import collections

import numpy as np
import pytest
import registry
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff

METHODS = (
    "forward",
    "inverse",
    "forward_log_det_jacobian",
    "inverse_log_det_jacobian",
)
BUILDERS = {"planar": tff.planar_flow, "radial": tff.radial_flow}


def reads(function, *signature):
    """How often each variable is read in the graph of `function`, a Counter."""
    traced = tf.function(function, autograph=False)
    graph = traced.get_concrete_function(*signature).graph
    return collections.Counter(
        operation.inputs[0].name
        for operation in graph.get_operations()
        if operation.type == "ReadVariableOp"
    )


@pytest.fixture
def variables(entry, rng):
    """One variable per parameter; alpha, which must be positive, transformed."""
    softplus = tfp.bijectors.Softplus()
    return {
        name: tfp.util.TransformedVariable(value, softplus)
        if name == "alpha"
        else tf.Variable(value)
        for name, value in entry.draw(rng, 1.0, (), 2).items()
    }


def test_construction_reads_nothing(entry, variables):
    base = tfp.distributions.MultivariateNormalDiag(tf.zeros([2], tf.float64))

    def build():
        bijector = entry.build(**variables)
        flow = tfp.distributions.TransformedDistribution(base, bijector)
        return tf.constant(flow.event_shape.as_list() + flow.batch_shape.as_list())

    assert not reads(build)


# The log-dets alone, as to get them is to run the map; `forward` and `inverse` below.
@pytest.mark.parametrize("method", METHODS[2:])
def test_each_method_reads_each_variable_once(entry, variables, method):
    bijector = entry.build(**variables)
    counts = reads(getattr(bijector, method), tf.TensorSpec([5, 2], tf.float64))
    assert len(counts) == len(variables)
    assert set(counts.values()) == {1}


@pytest.mark.slow
@pytest.mark.parametrize("entry", registry.one_per_class(), ids=lambda entry: entry.name)
@pytest.mark.parametrize("method", METHODS)
def test_checks_of_arguments_read_each_variable_once_more(entry, variables, method):
    bijector = entry.build(**variables, validate_args=True)
    counts = reads(getattr(bijector, method), tf.TensorSpec([5, 2], tf.float64))
    assert len(counts) == len(variables)
    assert set(counts.values()) == {2}


@pytest.mark.parametrize("kind", BUILDERS)
def test_sampling_with_log_prob_reads_each_variable_of_a_stack_once(kind):
    flow = BUILDERS[kind](2, 3, seed=0)
    counts = reads(lambda: flow.experimental_sample_and_log_prob(5, seed=(1, 2)))
    assert len(counts) == 3
    assert set(counts.values()) == {1}


@pytest.mark.parametrize("make", ["planar-stack", "radial-chain"], indirect=True)
def test_variables_are_live_under_a_compiled_log_prob(make):
    flow = make(num_layers=2)
    log_prob = tf.function(flow.log_prob, autograph=False)
    x = tf.constant([[0.3, -1.2]], tf.float64)
    before = log_prob(x).numpy()
    for variable in flow.trainable_variables:
        variable.assign_add(0.1 * tf.ones_like(variable))
    after = log_prob(x).numpy()
    assert np.all(before != after)
    np.testing.assert_allclose(after, flow.log_prob(tf.identity(x)), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "affine"),
    [
        ("planar-stack", False),
        ("radial-chain", False),
        ("radial-stack", True),
        ("planar-chain", True),
    ],
    indirect=["make"],
)
def test_variables_are_live_under_an_eager_log_prob_of_held_samples(make, affine):
    flow = make(num_layers=2, affine=affine)
    x = flow.sample(5, seed=(3, 4))
    before = flow.log_prob(x)
    for variable in flow.trainable_variables:
        variable.assign(1.1 * variable + 0.05)
        after = flow.log_prob(x)
        np.testing.assert_array_equal(after, flow.log_prob(tf.identity(x)))
        assert np.any(after != before)
        before = after
