"""In eager mode, results are those of the present parameters."""

import numpy as np
import pytest
import registry
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors.live import LiveChain, unknown_to_caches

tfb = tfp.bijectors
METHODS = (
    "forward",
    "inverse",
    "forward_log_det_jacobian",
    "inverse_log_det_jacobian",
)


def make_live(entry, rng):
    """The bijector of `entry`, of event size 2, with variables."""
    values = entry.draw(rng, 1.0, (), 2)
    return entry.build(**{name: tf.Variable(value) for name, value in values.items()})


def train(bijector):
    for variable in bijector.trainable_variables:
        variable.assign(1.1 * variable + 0.05)


def assert_follows_assignments(bijector, x):
    """Asked about tensors that it has met, it answers as about new ones."""
    # Of both directions: TFP's cache goes both ways.
    held = [bijector.forward(x), bijector.inverse(x)]
    cases = [(method, point) for method in METHODS for point in (x, *held)]
    before = [getattr(bijector, method)(point) for method, point in cases]
    train(bijector)
    for (method, point), old in zip(cases, before, strict=True):
        actual = getattr(bijector, method)(point)
        expected = getattr(bijector, method)(tf.identity(point))
        np.testing.assert_array_equal(actual, expected)
        assert np.any(actual != old)


@pytest.mark.parametrize(
    "entry",
    # Caches are of their base; that stacks are not held is seen by their gradients below.
    [entry for entry in registry.one_per_class() if not entry.stacked],
    ids=lambda entry: entry.name,
)
def test_results_follow_assignments(entry, rng):
    x = tf.constant(rng.normal(size=(3, 2)))
    assert_follows_assignments(make_live(entry, rng), x)


def test_an_inverted_bijector_follows_assignments(rng):
    bijector = make_live(registry.ENTRIES[0], rng)
    x = tf.constant(rng.normal(size=(3, 2)))
    assert_follows_assignments(tfb.Invert(bijector), x)


@pytest.mark.slow
@pytest.mark.parametrize("outermost", [0, 1, 2])
def test_links_of_tfp_follow_assignments_in_a_chain(outermost, rng):
    links = [
        make_live(registry.ENTRIES[0], rng),
        tfb.ScaleMatvecDiag(tf.Variable([1.5, 0.5], dtype=tf.float64)),
        tfb.Shift(tf.Variable([0.5, -1.0], dtype=tf.float64)),
    ]
    chain = LiveChain(links[outermost:] + links[:outermost])
    assert_follows_assignments(chain, tf.constant(rng.normal(size=(3, 2))))


@pytest.mark.parametrize("entry", registry.one_per_class(), ids=lambda entry: entry.name)
def test_each_tape_gets_gradients(entry, rng):
    bijector = make_live(entry, rng)
    x = tf.constant(rng.normal(size=(3, 2)))
    held = bijector.inverse(x), bijector.inverse_log_det_jacobian(x)
    with tf.GradientTape(persistent=True) as tape:
        results = bijector.inverse(x), bijector.inverse_log_det_jacobian(x)
    np.testing.assert_array_equal(results[0], held[0])
    for result in results:
        for gradient in tape.gradient(result, bijector.trainable_variables):
            assert gradient is not None


def test_a_trace_keeps_its_tensors():
    # So that TFP's cache makes one pass of a value and its log-det.
    @tf.function
    def is_kept(x):
        return unknown_to_caches(x) is x

    assert is_kept(tf.constant(1.0))
