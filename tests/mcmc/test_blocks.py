import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tfp_flows.mcmc import blocks


@pytest.fixture
def drawn(monkeypatch):
    """A function of the number of steps: what each is given, from blocks of 4."""
    monkeypatch.setattr(blocks, "_BLOCK_SIZE", 4 * 3 * 50)

    def draw(num_steps, jit_compile=False):
        def transition(step, noise, log_uniform, *arrays):
            values = (step, noise, log_uniform)
            return tuple(a.write(step, x) for a, x in zip(arrays, values, strict=True))

        @tf.function(jit_compile=jit_compile, autograph=False)
        def run(num_steps):
            arrays = tuple(
                tf.TensorArray(dtype, 10, element_shape=shape)
                for dtype, shape in (
                    (tf.int32, []),
                    (tf.float32, [2, 50]),
                    (tf.float32, [50]),
                )
            )
            arrays = blocks.loop_over_transitions(
                transition,
                arrays,
                num_steps=num_steps,
                state_shape=[2, 50],
                dtype=tf.float32,
                seed=tf.constant([5, 6]),
            )
            return tuple(a.stack() for a in arrays)

        return [x.numpy()[:num_steps] for x in run(tf.constant(num_steps))]

    return draw


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_each_transition_has_random_numbers_of_its_own(drawn, jit_compile):
    steps, noise, log_uniform = drawn(10, jit_compile)
    np.testing.assert_array_equal(steps, np.arange(10))
    for numbers in (noise, log_uniform):
        assert len(np.unique(numbers.reshape(10, -1), axis=0)) == 10
    assert stats.kstest(noise.ravel(), "norm").pvalue > 1e-3
    assert stats.kstest(np.exp(log_uniform).ravel(), "uniform").pvalue > 1e-3


def test_a_longer_loop_begins_as_a_shorter_one(drawn):
    for short, long in zip(drawn(6), drawn(10), strict=True):
        np.testing.assert_array_equal(short, long[:6])


def test_no_transition(drawn):
    assert len(drawn(0)[0]) == 0
