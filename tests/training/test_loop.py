"""The compiled loop on two numbers, step by step against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.training import TrainingState, build_run_steps
from tfp_flows.training.loop import MEAN_LENGTH
from tfp_flows.training.state import MAX_FAULTS_IN_A_ROW

RATE, START = 0.1, np.array([3.0, -4.0])


def run(losses_fn, num_steps, *, clip_norm=None, rate=1.0, is_good_fn=None):
    """Steps of gradient descent on |v|^2 / 2, which records other losses.

    Args:
      losses_fn: callable, step to the loss to record.
      num_steps: how many.
      clip_norm: as of the loop.
      rate: as of the loop.
      is_good_fn: callable, step to whether its loss is finite; `None` is all.

    Returns:
      The variable and the step, faults, best and traces that the loop returns.
    """
    variable = tf.Variable(START)
    optimizer = keras.optimizers.SGD(RATE)
    optimizer.build([variable])

    def objective_fn(step):
        loss = losses_fn(tf.cast(step, tf.float64))
        if is_good_fn is not None:
            loss = tf.where(is_good_fn(step), loss, tf.constant(np.nan, tf.float64))
        return tf.reduce_sum(variable**2) / 2.0, loss, tf.constant(1.0, tf.float64)

    shape = tf.TensorShape([])
    run_steps = build_run_steps(
        objective_fn,
        [variable],
        optimizer,
        clip_norm=clip_norm,
        batch_shape=shape,
        jit_compile=False,
    )
    state = TrainingState.initial([variable], shape, tf.float64)
    found = run_steps(
        tf.constant(0),
        tf.constant(num_steps),
        tf.constant(rate),
        state.faults,
        state.best,
        tuple(tf.zeros([num_steps], tf.float64) for _ in range(3)),
    )
    return variable.numpy(), *found


def test_best_is_what_produced_the_lowest_running_mean():
    # Falls, and rises from step 70 on.
    number = 120
    losses = np.abs(np.arange(number) - 70.0) + 5.0
    _, _, _, best, (trace, _, _) = run(lambda step: tf.abs(step - 70.0) + 5.0, number)
    np.testing.assert_array_equal(trace, losses)
    mean, lowest, at = 0.0, np.inf, None
    for step, loss in enumerate(losses):
        length = min(step + 1, MEAN_LENGTH)
        mean += (loss - mean) / length
        if step >= MEAN_LENGTH and mean < lowest:
            lowest, at = mean, step
    np.testing.assert_allclose(best[:2], [mean, lowest], rtol=1e-12)
    assert MEAN_LENGTH < at < number - 1
    # Before the update of that step.
    np.testing.assert_allclose(best.parameters[0], START * (1.0 - RATE) ** at, rtol=1e-5)


@pytest.mark.parametrize("clip_norm", [None, 2.0, 100.0])
@pytest.mark.parametrize("rate", [1.0, 0.25, 0.0])
def test_steps_are_clipped_and_slowed(clip_norm, rate):
    found, step, *_, (_, _, norms) = run(tf.identity, 12, clip_norm=clip_norm, rate=rate)
    expected, expected_norms = START, []
    for _ in range(12):
        norm = np.linalg.norm(expected)
        expected_norms.append(norm)
        factor = 1.0 if clip_norm is None else min(1.0, clip_norm / norm)
        expected = expected - rate * RATE * factor * expected
    assert step == 12
    np.testing.assert_allclose(norms, expected_norms, rtol=1e-6)  # before clipping
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_only_faults_in_a_row_end_the_loop():
    limit = MAX_FAULTS_IN_A_ROW
    # Single faults, one short of too many in a row, then too many.
    good = np.ones(6 * limit, bool)
    good[:limit:2] = False
    good[limit + 1 : 2 * limit] = False
    good[3 * limit : 5 * limit] = False
    found, step, (total, in_a_row), *_ = run(
        tf.identity, len(good), is_good_fn=lambda step: tf.gather(good, step)
    )
    assert step == 4 * limit
    assert in_a_row == limit
    assert total == np.sum(~good[: 4 * limit])
    # Bad steps leave the variable as it is.
    num_good = np.sum(good[: 4 * limit])
    np.testing.assert_allclose(found, START * (1.0 - RATE) ** num_good, rtol=1e-6)
