"""A run that goes back: parameters, rates, and what the optimizer knows."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from training_runs import run_at

from tfp_flows.training import Faults, optimizer_slots
from tfp_flows.training.state import MAX_FAULTS_IN_A_ROW


@pytest.mark.parametrize("module", [keras, tf_keras])
@pytest.mark.parametrize("batch_shape", [[], [2]], ids=str)
def test_the_optimizer_forgets_faulty_members(module, batch_shape):
    variable = tf.Variable(tf.zeros([*batch_shape, 3]))
    optimizer = module.optimizers.Adam(0.1)
    optimizer.build([variable])
    run = run_at(
        5, [np.ones([5, *batch_shape])] * 3, [variable], batch_shape, optimizer=optimizer
    )
    for slot in optimizer_slots(optimizer):
        slot.assign(tf.fill(slot.shape, tf.cast(7, slot.dtype)))
    faulty = np.array([True, False] if batch_shape else True)
    in_a_row = tf.constant(np.where(faulty, MAX_FAULTS_IN_A_ROW, 0), tf.int32)
    run.state.faults = Faults(in_a_row, in_a_row)
    run.roll_back()
    for slot in optimizer_slots(optimizer):
        is_of_members = tuple(slot.shape) == tuple(variable.shape)
        expected = np.where(faulty[..., np.newaxis], 0.0, 7.0) if is_of_members else 7.0
        np.testing.assert_array_equal(slot, np.broadcast_to(expected, slot.shape))
    np.testing.assert_array_equal(run.state.rate, np.where(faulty, 0.5, 1.0))
