"""The root finder, on functions that have nothing to do with flows."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import numerics


def cubic(x, p):
    return x**3 + x - p, 3.0 * x**2 + 1.0


def logistic(x, p):
    # Flat on both sides: Newton's method alone diverges from far out.
    return tf.sigmoid(x) - p, tf.sigmoid(x) * tf.sigmoid(-x)


def solve_cubic(p, **kwargs):
    size = tf.abs(p) + 1.0
    return numerics.monotone_root(cubic, [p], -size, size, **kwargs)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_roots_to_the_last_bits(dtype, rng):
    x = rng.normal(size=(40, 3)) * 10.0 ** rng.uniform(-3.0, 3.0, size=(40, 3))
    root = solve_cubic(tf.constant(x**3 + x, dtype))
    assert root.dtype == dtype
    np.testing.assert_allclose(root, x, rtol=4 * np.finfo(dtype.as_numpy_dtype).eps)


def test_bisection_rescues_newton(rng):
    # From x = 20 the first Newton step goes to -2e8.
    x = rng.uniform(-8.0, 8.0, size=50)
    p = tf.constant(1.0 / (1.0 + np.exp(-x)))
    bound = 30.0 * tf.ones_like(p)
    start = 20.0 * tf.ones_like(p)
    root = numerics.monotone_root(logistic, [p], -bound, bound, start)
    np.testing.assert_allclose(root, x, rtol=1e-11)


def test_roots_at_the_ends_of_the_bracket_and_at_zero():
    zero = tf.zeros([1], tf.float64)
    for lower, upper in ((0.0, 1.0), (-1.0, 0.0), (-1.0, 1.0), (0.0, 0.0)):
        root = numerics.monotone_root(cubic, [zero], zero + lower, zero + upper)
        np.testing.assert_array_equal(root, [0.0])


def test_what_has_arrived_does_not_move_on(rng):
    # The logistic of 7 takes more steps than the ones that start at their roots.
    x = np.append(rng.uniform(-2.0, 2.0, size=20), 7.0)
    p = tf.constant(1.0 / (1.0 + np.exp(-x)))
    bound = 30.0 * tf.ones_like(p)
    start = tf.constant(np.append(x[:-1], -20.0))
    root = numerics.monotone_root(logistic, [p], -bound, bound, start)
    np.testing.assert_allclose(root, x, rtol=1e-12)


def test_nan_arguments_stay_in_their_place():
    root = solve_cubic(tf.constant([2.0, np.nan, 10.0], tf.float64))
    np.testing.assert_allclose(root, [1.0, np.nan, 2.0])


def test_too_few_iterations_give_nan_not_a_wrong_root():
    p = tf.constant([0.0, 1e6], tf.float64)
    np.testing.assert_array_equal(
        np.isnan(solve_cubic(p, max_iterations=3)), [False, True]
    )
    assert np.all(np.isfinite(solve_cubic(p)))


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_compiled_agrees_with_eager(jit_compile, rng):
    p = tf.constant(rng.normal(size=7))
    compiled = tf.function(solve_cubic, jit_compile=jit_compile)
    np.testing.assert_allclose(compiled(p), solve_cubic(p), rtol=1e-14)


def test_vectorized_map(rng):
    p = tf.constant(rng.normal(size=(4, 3)))
    np.testing.assert_allclose(
        tf.vectorized_map(solve_cubic, p), solve_cubic(p), rtol=1e-14
    )


def derivatives_of_the_root(x):
    """First to third derivative of x(p), x^3 + x = p, by the chain rule."""
    f1, f2, f3 = 3.0 * x**2 + 1.0, 6.0 * x, 6.0
    return 1.0 / f1, -f2 / f1**3, (3.0 * f2**2 - f1 * f3) / f1**5


def test_derivatives_up_to_the_third_in_reverse_mode():
    x = np.array([-1.3, 0.2, 2.0])
    p = tf.constant(x**3 + x)
    with tf.GradientTape() as third, tf.GradientTape() as second:
        third.watch(p)
        second.watch(p)
        with tf.GradientTape() as first:
            first.watch(p)
            root = solve_cubic(p)
        d1 = first.gradient(root, p)
        d2 = second.gradient(d1, p)
    d3 = third.gradient(d2, p)
    for actual, expected in zip((d1, d2, d3), derivatives_of_the_root(x), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_forward_mode():
    p = tf.constant([10.0], tf.float64)
    with tf.autodiff.ForwardAccumulator(p, tf.ones_like(p)) as accumulator:
        root = solve_cubic(p)
    np.testing.assert_allclose(accumulator.jvp(root), [1.0 / 13.0], rtol=1e-14)


def test_gradients_flow_to_every_parameter():
    def line(x, slope, offset):
        return slope * x - offset, slope

    slope, offset = tf.constant([2.0], tf.float64), tf.constant([3.0], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch([slope, offset])
        root = numerics.monotone_root(line, [slope, offset], 0.0 * slope, 9.0 * slope)
    gradients = tape.gradient(root, [slope, offset])
    np.testing.assert_allclose(gradients, [[-0.75], [0.5]], rtol=1e-14)


def test_gradients_do_not_run_through_the_iterations():
    @tf.function
    def gradient(p):
        with tf.GradientTape() as tape:
            tape.watch(p)
            root = solve_cubic(p)
        return tape.gradient(root, p)

    graph = gradient.get_concrete_function(tf.TensorSpec([3], tf.float64)).graph
    kinds = [operation.type for operation in graph.get_operations()]
    assert sum("While" in kind for kind in kinds) == 1
