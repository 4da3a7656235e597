"""Standard normal numbers in every mode and dtype."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tfp_flows import numerics

DTYPES = [tf.float64, tf.float32, tf.bfloat16]


def draw(size, dtype, jit_compile, seed=(1, 2)):
    function = tf.function(
        lambda: numerics.stateless_normal([size], seed, dtype), jit_compile=jit_compile
    )
    return tf.cast(function(), tf.float64).numpy()


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
def test_distribution(dtype, jit_compile):
    numbers = draw(200_000, dtype, jit_compile)
    assert np.all(np.isfinite(numbers))
    assert stats.kstest(numbers, "norm").statistic < 5e-3
    assert np.mean(numbers**4) == pytest.approx(3.0, abs=0.1)
    neighbours = np.corrcoef(numbers[:-1], numbers[1:])[0, 1]
    halves = np.corrcoef(numbers[:100_000], numbers[100_000:])[0, 1]
    assert abs(neighbours) < 0.015
    assert abs(halves) < 0.015
    assert np.max(np.abs(numbers)) > 4.0


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
def test_seeds(dtype):
    np.testing.assert_array_equal(draw(10, dtype, True), draw(10, dtype, True))
    other = draw(10, dtype, True, seed=(1, 3))
    assert np.all(draw(10, dtype, True) != other)


@pytest.mark.parametrize(("dtype", "num_bits"), [(tf.float32, 24), (tf.float64, 53)])
def test_the_outermost_numbers_are_finite(dtype, num_bits):
    # What a draw meets once in 2^24 or 2^53 numbers.
    @tf.function(jit_compile=True)
    def outermost(highest):
        uniform = (highest + 0.5) * 2.0 ** (1 - num_bits)
        return np.sqrt(2.0) * tf.math.erfinv(uniform)

    ends = np.array([-(2.0 ** (num_bits - 1)), 2.0 ** (num_bits - 1) - 1.0])
    expected = stats.norm.ppf(2.0 ** -(num_bits + 1))
    np.testing.assert_allclose(
        outermost(tf.constant(ends, dtype)), [expected, -expected], 1e-3
    )
