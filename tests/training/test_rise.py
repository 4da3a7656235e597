"""Flows whose loss rises late go back to their best parameters."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from training_runs import run_at

import tfp_flows as tff
from tfp_flows.training import Best, RiseTest


@pytest.fixture
def variables():
    return [tf.Variable([[1.0, 2.0], [3.0, 4.0]])]


def at(step, variables, running, *, beta=1.0):
    """Two flows with losses of standard deviation 0.1, whose best was 0 at zeros."""
    noise = 0.1 * np.where(np.arange(step) % 2, 1.0, -1.0)
    losses = (noise[:, np.newaxis] + running).astype(np.float32)
    run = run_at(step, [losses, np.full(step, beta), losses], variables, [2])
    run.state.best = Best(tf.constant(running), tf.zeros([2]), (tf.zeros([2, 2]),))
    return run


def test_the_flow_that_has_risen_goes_back_and_no_other(variables):
    run = at(800, variables, [0.11, 0.09])
    RiseTest(1_000).update(run)
    np.testing.assert_array_equal(variables[0], [[0.0, 0.0], [3.0, 4.0]])
    np.testing.assert_array_equal(run.state.rate, [0.5, 1.0])
    assert run.num_rollbacks == 1


@pytest.mark.parametrize(("step", "beta"), [(799, 1.0), (800, 0.9)])
def test_not_before_it_is_time_nor_while_annealed(variables, step, beta):
    run = at(step, variables, [1.0, 1.0], beta=beta)
    RiseTest(1_000).update(run)
    assert run.num_rollbacks == 0
    assert variables[0][0, 0] == 1.0


def test_short_fits_are_not_tested(variables):
    run = at(792, variables, [1.0, 1.0])
    test = RiseTest(990)
    test.update(run)
    assert run.num_rollbacks == 0
    assert test.steps_left(0) == np.inf


def test_a_rate_that_is_low_or_zero_stays(variables):
    run = at(950, variables, [1.0, 1.0])
    run.state.rate = tf.constant([0.125, 0.0])
    RiseTest(1_000).update(run)
    np.testing.assert_array_equal(run.state.rate, [0.125, 0.0])
    np.testing.assert_array_equal(variables[0], [[0.0, 0.0], [3.0, 4.0]])
    assert not run.state.has_failed


def test_fit_whose_updates_point_uphill_at_the_end():
    mean = tf.Variable([0.0, 0.0])
    uphill = keras.optimizers.schedules.PiecewiseConstantDecay([700], [0.05, -0.05])
    result = tff.vi.fit_reverse_kl(
        tfp.distributions.MultivariateNormalDiag(mean, [1.0, 1.0]),
        lambda x: -0.5 * tf.reduce_sum((x - 1.0) ** 2, axis=-1),
        num_steps=1_000,
        sample_size=64,
        optimizer=keras.optimizers.SGD(uphill),
        annealing_fn=None,
        seed=1,
        progress_bar=False,
        jit_compile=False,
    )
    assert 1 <= result.num_rollbacks <= 4
    assert "went back" in str(result)
    before, worst = np.mean(result.loss[650:700]), np.mean(result.loss[750:800])
    assert worst > before + 0.5
    assert result.final_loss < 0.3 * before + 0.7 * worst
