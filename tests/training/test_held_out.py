"""Held-out data: when they are evaluated, what is kept, when a fit stops."""

import types

import numpy as np
import tensorflow as tf
from training_runs import run_at

from tfp_flows.training import HeldOutTest


def start(losses, variable, **arguments):
    """A test whose evaluations find such losses one after another, and its run."""
    test = HeldOutTest(**(dict(every_steps=2, num_steps=100, patience=3) | arguments))
    run = run_at(0, [np.zeros(1)] * 3, [variable])
    # The first call only asks whether there are held-out data.
    found = iter([0.0, *losses])
    run.objective = types.SimpleNamespace(held_out_loss=lambda: next(found))
    test.start(run)
    return test, run


def test_patience_counts_evaluations_since_the_lowest():
    variable = tf.Variable([0.0, 0.0])
    losses = [5.0, 4.0, np.nan, 3.0, 3.0, np.inf, 3.5]
    test, run = start(losses, variable)
    stopped = [test.has_stopped()]
    for step in range(2, 14, 2):
        run.state.step = step
        variable.assign([step, 0.0])
        test.update(run)
        stopped.append(test.has_stopped())
    assert stopped == [False] * 6 + [True]
    fields = test.conclude({})
    assert (fields["best_step"], fields["best_validation_loss"]) == (6, 3.0)
    np.testing.assert_array_equal(fields["validation_steps"], np.arange(0, 14, 2))
    np.testing.assert_array_equal(variable, [6.0, 0.0])


def test_what_it_remembers_goes_on_in_another_process():
    variable = tf.Variable([0.0])
    test, _ = start([1.0], variable)
    other, run = start([9.0, 2.0], tf.Variable([5.0]))
    other.restore({name: np.asarray(value) for name, value in test.state().items()})
    run.state.step = 2
    other.update(run)
    assert other.conclude({})["best_step"] == 0
    np.testing.assert_array_equal(run.variables[0], [0.0])


def test_without_held_out_data_it_does_nothing():
    run = run_at(0, [np.zeros(1)] * 3, [tf.Variable([0.0])])
    run.objective = types.SimpleNamespace(held_out_loss=lambda: None)
    test = HeldOutTest(every_steps=2, num_steps=10, patience=1)
    test.start(run)
    test.update(run)
    assert test.state() == {}
    assert not test.has_stopped()
    assert test.conclude(dict(loss=1)) == dict(loss=1)
