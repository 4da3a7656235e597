"""Standard normal numbers in every mode and dtype."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tfp_flows import numerics
from tfp_flows.numerics import normal

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
def test_the_outermost_numbers_are_finite_and_symmetric(dtype, num_bits):
    # What a draw meets once in 2^24 or 2^53 numbers.
    integer = tf.int32 if dtype == tf.float32 else tf.int64
    bits = tf.constant([integer.min, integer.max, -1, 0], integer)
    function = tf.function(
        lambda bits: normal.normal_from_bits(bits, dtype), jit_compile=True
    )
    outermost = stats.norm.ppf(2.0 ** -(num_bits + 1))
    innermost = np.sqrt(2.0 * np.pi) * 2.0 ** -(num_bits + 1)
    expected = [outermost, -outermost, -innermost, innermost]
    np.testing.assert_allclose(function(bits), expected, rtol=1e-3)
