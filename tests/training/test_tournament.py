"""Which starts share samples, who goes on, and who leads."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from training_runs import run_at

from tfp_flows.training import Best, Tournament


def test_sharing_averages_within_blocks():
    tournament = Tournament(8, 100)
    for step, size in ((0, 1), (39, 1), (40, 2), (60, 4), (75, 8), (99, 8)):
        sharing = tournament.sharing(step)
        np.testing.assert_allclose(sharing.sum(axis=1), 1.0)
        assert np.count_nonzero(sharing[0]) == size
        np.testing.assert_allclose(sharing, sharing.T)
    assert tournament.steps_left(0) == 40
    assert tournament.steps_left(40) == 20
    assert tournament.steps_left(75) == np.inf


def test_the_worse_half_takes_up_all_that_the_better_half_has():
    variable = tf.Variable([[1.0], [2.0], [3.0], [4.0]])
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    optimizer.build([variable])
    (momentum,) = (v for v in optimizer.variables if v.shape == (4, 1))
    momentum.assign([[10.0], [20.0], [30.0], [40.0]])
    losses = np.tile([4.0, 1.0, 3.0, 2.0], [40, 1])
    traces = [losses, np.ones(40), losses]
    run = run_at(40, traces, [variable], [4], optimizer=optimizer)
    Tournament(4, 100).update(run)
    np.testing.assert_array_equal(variable[:, 0], [2.0, 2.0, 4.0, 4.0])
    np.testing.assert_array_equal(momentum[:, 0], [20.0, 20.0, 40.0, 40.0])
    np.testing.assert_array_equal(run.traces.stacked()[0][-1], [1.0, 1.0, 2.0, 2.0])
    np.testing.assert_array_equal(run.traces.last_call[0][-1], losses[-1])


@pytest.mark.parametrize(("rate", "leader"), [(1.0, 1), (0.0, 2)], ids=["runs", "failed"])
def test_the_leader_has_the_lowest_running_mean_or_after_failures_had_it(rate, leader):
    run = run_at(5, [np.zeros([5, 4])] * 3, [tf.Variable(tf.zeros([4]))], [4])
    run.state.rate *= rate
    means = tf.constant([3.0, 1.0, 2.0, np.nan]), tf.constant([2.9, 0.9, 0.5, np.inf])
    run.state.best = Best(*means, run.state.best.parameters)
    tournament = Tournament(4, 100)
    tournament.start(run)
    np.testing.assert_array_equal(tournament.leader(), [leader])
