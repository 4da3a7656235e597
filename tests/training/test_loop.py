"""The compiled loop on two numbers, step by step against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.training import TrainingState, build_run_steps
from tfp_flows.training.loop import MEAN_LENGTH
from tfp_flows.training.state import MAX_FAULTS_IN_A_ROW

RATE, START = 0.1, np.array([3.0, -4.0])


class Breaking(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that becomes another one, at a step."""

    def __init__(self, step, rate):
        self._step, self._rate = step, rate

    def __call__(self, step):
        return tf.where(step < self._step, RATE, self._rate)


def run(
    losses_fn,
    num_steps,
    *,
    clip_norm=None,
    rate=1.0,
    is_good_fn=None,
    learning_rate=RATE,
    terms_fn=None,
):
    """Steps of gradient descent on |v|^2 / 2, which records other losses.

    Args:
      losses_fn: callable, step to the loss to record.
      num_steps: how many.
      clip_norm: as of the loop.
      rate: as of the loop.
      is_good_fn: callable, step to whether its loss is finite; `None` is all.
      learning_rate: of the optimizer.
      terms_fn: what the objective makes of its three terms; `None` leaves them.

    Returns:
      The variable and the step, faults, best and traces that the loop returns.
    """
    variable = tf.Variable(START)
    optimizer = keras.optimizers.SGD(learning_rate)
    optimizer.build([variable])

    def objective_fn(step):
        loss = losses_fn(tf.cast(step, tf.float64))
        if is_good_fn is not None:
            loss = tf.where(is_good_fn(step), loss, tf.constant(np.nan, tf.float64))
        terms = tf.reduce_sum(variable**2) / 2.0, loss, tf.constant(1.0, tf.float64)
        return terms if terms_fn is None else terms_fn(*terms)

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


@pytest.mark.parametrize("rate", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_updates_that_are_not_finite_are_taken_back(bad, rate):
    found, step, (total, in_a_row), best, (_, _, norms) = run(
        lambda step: 1e3 - step, 30, rate=rate, learning_rate=Breaking(5, bad)
    )
    expected = START * (1.0 - rate * RATE) ** 5
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_array_equal(np.isfinite(norms), True)
    assert np.all(np.isfinite(best.parameters[0]))
    # A member that has given up, at the rate 0, ends no loop.
    assert step == (30 if rate == 0.0 else 5 + MAX_FAULTS_IN_A_ROW)
    assert in_a_row == total == step - 5


@pytest.mark.parametrize(
    ("terms_fn", "error", "message"),
    [
        (lambda objective, loss, beta: (objective, loss), TypeError, "three tensors"),
        (lambda objective, loss, beta: objective, TypeError, "three tensors"),
        (
            lambda objective, loss, beta: (objective, None, beta),
            TypeError,
            "`loss`.*None",
        ),
        (
            lambda objective, loss, beta: (objective, tf.cast(loss, tf.int32), beta),
            TypeError,
            "`loss`.*int32; cast it",
        ),
        (
            lambda objective, loss, beta: (objective, loss[tf.newaxis], beta),
            ValueError,
            r"`loss`.*must have shape \(\), but has shape \(1,\)",
        ),
        (
            lambda objective, loss, beta: (objective, loss, [1.0, 2.0]),
            ValueError,
            r"`beta`.*shape \(2,\)",
        ),
        (
            lambda objective, loss, beta: (tf.stack([objective] * 2), loss, beta),
            ValueError,
            r"`objective`.*shape \(2,\)",
        ),
    ],
)
def test_what_an_objective_must_return(terms_fn, error, message):
    with pytest.raises(error, match=message):
        run(tf.identity, 1, terms_fn=terms_fn)


def test_loss_and_beta_become_of_the_dtype_of_the_flow():
    *_, (losses, betas, _) = run(
        tf.identity,
        3,
        terms_fn=lambda objective, loss, _: (objective, tf.cast(loss, tf.float32), 1),
    )
    assert losses.dtype == betas.dtype == tf.float64
    np.testing.assert_array_equal(losses, [0.0, 1.0, 2.0])
