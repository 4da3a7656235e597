"""stateless_seed: one seed, the same numbers at every call."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import numerics


def draw(seed):
    return tuple(tf.random.stateless_normal([3], seed).numpy())


@pytest.mark.parametrize(
    "seed", [0, 1, -1, 2**31, 2**32, -(2**63), 2**63, 2**100 + 7, np.int64(3)], ids=str
)
def test_int_gives_the_same_numbers_at_every_call(seed):
    first, second = (numerics.stateless_seed(seed) for _ in range(2))
    assert first.dtype == tf.int32
    assert first.shape == (2,)
    np.testing.assert_array_equal(first, second)
    assert draw(first) == draw(second)


def test_distinct_ints_differ():
    seeds = [0, 1, 2, -1, -2, 2**31, 2**31 - 1, -(2**31), 2**32, 2**32 + 1, 2**40]
    seeds += [2**62, -(2**62)]
    assert len({tuple(numerics.stateless_seed(s).numpy()) for s in seeds}) == len(seeds)
    assert len({draw(numerics.stateless_seed(s)) for s in seeds}) == len(seeds)


def test_numpy_and_python_ints_agree():
    np.testing.assert_array_equal(
        numerics.stateless_seed(np.int64(-5)), numerics.stateless_seed(-5)
    )


def test_numpy_generators():
    seeds = (3, numerics.stateless_seed(3), [0, 3])
    draws = {numerics.numpy_generator(seed).normal() for seed in seeds}
    assert len(draws) == 1
    assert draws != {numerics.numpy_generator(4).normal()}


def test_unsigned_seeds():
    assert numerics.unsigned_seed(None, 32) is None
    seeds = [5, 2**32 - 1, 2**32 + 5, -1, 10**30]
    low = [numerics.unsigned_seed(seed, 32) for seed in seeds]
    assert low == [5, 2**32 - 1, 5, 2**32 - 1, 10**30 % 2**32]


def test_none_gives_new_numbers():
    seeds = [numerics.stateless_seed(None) for _ in range(4)]
    assert all(seed.shape == (2,) for seed in seeds)
    assert len({draw(seed) for seed in seeds}) == 4


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_stateless_seeds_pass_through(dtype):
    seed = numerics.stateless_seed(tf.constant([3, 4], dtype))
    assert seed.dtype == tf.int32
    np.testing.assert_array_equal(seed, [3, 4])
    np.testing.assert_array_equal(numerics.stateless_seed([3, 4]), [3, 4])


def test_tensors_pass_through_graphs():
    compiled = tf.function(numerics.stateless_seed)
    np.testing.assert_array_equal(compiled(tf.constant([3, 4])), [3, 4])


@pytest.mark.parametrize(
    "seed",
    [1.5, True, "seed", [1], [1, 2, 3], [1.0, 2.0], [1, [2]], {}, {1, 2}, len],
    ids=str,
)
def test_other_types_are_refused(seed):
    with pytest.raises(TypeError, match="`seed` must be an int"):
        numerics.stateless_seed(seed)
