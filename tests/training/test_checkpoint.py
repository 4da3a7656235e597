"""All that a fit carries is in its file, and what events remember."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from training_runs import run_at

from tfp_flows.training import Checkpoint, Event, Faults, PlateauTest, optimizer_slots

SETTINGS = dict(seed=[0, 1])


class Counter(Event):
    """An event that remembers a vector."""

    counts = np.zeros(2)

    def state(self):
        return dict(counts=self.counts)

    def restore(self, values):
        self.counts = values["counts"]


def new_run():
    variable, optimizer = tf.Variable([1.0, 2.0]), keras.optimizers.Adam()
    optimizer.build([variable])
    return run_at(
        0, [np.arange(3.0) + i for i in range(3)], [variable], optimizer=optimizer
    )


def numbers_of(run, events):
    """Everything that a fit carries, as nested numbers."""
    parts = [*run.variables, *optimizer_slots(run.optimizer)]
    state = run.state
    carried = state.rate, state.faults, state.best, run.traces.stacked(), parts
    return tf.nest.map_structure(
        np.array,
        (carried, [event.state() for event in events], state.step, run.num_rollbacks),
    )


def write(folder, fingerprint=None):
    """A file in which no number is as it is at first."""
    run, counter, plateau = new_run(), Counter(), PlateauTest(100)
    counter.counts = np.array([5.0, 6.0])
    plateau.restore(dict(num_plateaus=np.array(2), settled=np.array(3)))
    state = run.state
    state.step, run.num_rollbacks, run.earlier_seconds = 3, 2, 8.0
    state.rate += 3.0
    state.faults = Faults(*(part + 3 for part in state.faults))
    state.best = tf.nest.map_structure(lambda part: part + 3.0, state.best)
    for part in [*run.variables, *optimizer_slots(run.optimizer)]:
        part.assign(tf.fill(part.shape, tf.cast(7, part.dtype)))
    checkpoint = Checkpoint(folder)
    checkpoint.resume(run, [counter, plateau], SETTINGS, fingerprint)
    checkpoint.finish(run)
    return numbers_of(run, [counter, plateau])


def test_every_part_of_a_fit_is_stored(tmp_path):
    """What is forgotten would start anew, and nobody would notice."""
    expected = write(tmp_path)
    run, events = new_run(), [Counter(), PlateauTest(100)]
    Checkpoint(tmp_path).resume(run, events, SETTINGS)
    tf.nest.map_structure(
        np.testing.assert_array_equal, numbers_of(run, events), expected
    )
    assert run.earlier_seconds >= 8.0


def test_an_event_that_the_file_does_not_know_is_an_error(tmp_path):
    write(tmp_path)

    class Other(Counter):
        pass

    with pytest.raises(ValueError, match=r"damaged .*Other\.counts"):
        Checkpoint(tmp_path).resume(new_run(), [Other()], SETTINGS)


def test_a_target_with_other_values_is_an_error(tmp_path):
    write(tmp_path, np.array([1.0, 2.0]))
    for same in (np.array([1.0, 2.0]), np.array([1.0, 2.0 + 1e-12])):
        Checkpoint(tmp_path).resume(new_run(), [], SETTINGS, same)
    run = new_run()
    with pytest.raises(ValueError, match="another target"):
        Checkpoint(tmp_path).resume(run, [], SETTINGS, np.array([1.0, 2.1]))
    assert run.step == 0
