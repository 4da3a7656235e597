"""All that a fit carries is in its file, and what events remember."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from training_runs import run_at

from tfp_flows.files import InvalidFileError
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


def open_at(folder, fingerprint=None):
    checkpoint = Checkpoint(folder)
    checkpoint.of_fit(SETTINGS, fingerprint)
    return checkpoint


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
    checkpoint = open_at(folder, fingerprint)
    checkpoint.resume(run, [counter, plateau])
    checkpoint.finish(run)
    return numbers_of(run, [counter, plateau])


def change(folder, metadata=(), **arrays):
    """Changes the file: those metadata, and arrays by name."""
    with np.load(folder / "fit.npz") as file:
        content = dict(file)
    stored = json.loads(str(content.pop("metadata")))
    stored = {k: v for k, v in (stored | dict(metadata)).items() if v is not None}
    content = {k: v for k, v in (content | arrays).items() if v is not None}
    np.savez(folder / "fit.npz", metadata=np.array(json.dumps(stored)), **content)


def assert_refused(folder, events, message):
    """That the file is refused, and a run and the file left as they are."""
    content = (folder / "fit.npz").read_bytes()
    run = new_run()
    before = numbers_of(run, [])
    with pytest.raises(ValueError, match=message):
        open_at(folder).resume(run, events)
    tf.nest.map_structure(np.testing.assert_array_equal, numbers_of(run, []), before)
    assert (folder / "fit.npz").read_bytes() == content


def test_every_part_of_a_fit_is_stored(tmp_path):
    """What is forgotten would start anew, and nobody would notice."""
    expected = write(tmp_path)
    run, events = new_run(), [Counter(), PlateauTest(100)]
    open_at(tmp_path).resume(run, events)
    tf.nest.map_structure(
        np.testing.assert_array_equal, numbers_of(run, events), expected
    )
    assert run.earlier_seconds >= 8.0


class Other(Counter):
    """Another event."""


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([Counter(), PlateauTest(9), Other()], "is of a fit without Other among"),
        ([Counter()], "is of a fit with PlateauTest among"),
        ([Other(), PlateauTest(9)], "without Other, and with Counter among"),
        ([PlateauTest(9), Counter()], "in the order Counter, PlateauTest among"),
    ],
)
def test_a_file_of_other_events_is_refused(events, message, tmp_path):
    write(tmp_path)
    assert_refused(tmp_path, events, message)


def test_of_a_file_that_lists_no_events_those_are_refused_that_it_has_not(tmp_path):
    write(tmp_path)
    change(tmp_path, dict(version=3, events=None))
    open_at(tmp_path).resume(new_run(), [Counter()])
    assert_refused(
        tmp_path, [Other()], r"nothing that the event Other.*KeyError: 'counts'"
    )


@pytest.mark.parametrize(
    "restore",
    [
        lambda values: values["other"],
        lambda values: values["counts"][2],
        lambda values: float(values["counts"]),
        lambda values: int("counts"),
        lambda values: tf.ensure_shape(values["counts"], [3]),
        lambda values: tf.reshape(values["counts"], [3]),
    ],
)
def test_a_state_that_an_event_cannot_take_up_is_refused(restore, tmp_path):
    write(tmp_path)
    counter = Counter()
    counter.restore = restore
    assert_refused(
        tmp_path, [counter, PlateauTest(9)], "nothing that the event Counter can take up"
    )


def test_what_an_event_remembers_may_grow(tmp_path):
    run, counter = new_run(), Counter()
    run.state.step = 3
    checkpoint = open_at(tmp_path)
    checkpoint.resume(run, [counter])
    counter.counts = np.arange(5.0)
    checkpoint.finish(run)
    again = Counter()
    open_at(tmp_path).resume(new_run(), [again])
    np.testing.assert_array_equal(again.counts, np.arange(5.0))


class Refusing(Counter):
    """An event that cannot take up what it remembered."""

    def restore(self, values):
        raise IndexError(len(values))


def test_nothing_is_restored_by_half(tmp_path):
    write(tmp_path)
    change(tmp_path, dict(events=["Counter", "Refusing"]))
    assert_refused(tmp_path, [Counter(), Refusing()], "nothing that the event Refusing")


@pytest.mark.parametrize("value", [[1, [2, 3]], {}, "text", None], ids=repr)
def test_a_state_that_no_file_can_hold_is_refused_before_training(value, tmp_path):
    event = Counter()
    event.counts = value
    if value == "text":  # NumPy has arrays of it
        open_at(tmp_path).resume(new_run(), [event])
        return
    with pytest.raises(TypeError, match=r"Counter\.state returned counts="):
        open_at(tmp_path).resume(new_run(), [event])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("variable_0", [1.0, np.inf]),
        ("best_0", [np.nan, 1.0]),
        ("optimizer_2", [np.nan, 1.0]),
        ("mean_0", np.nan),
        ("rate_0", "one"),
        ("loss", np.ones([3, 2])),
        ("beta", None),
    ],
)
def test_a_file_of_other_numbers_is_refused(name, value, tmp_path):
    write(tmp_path)
    array = None if value is None else np.array(value)
    change(tmp_path, **{name: array})
    assert_refused(tmp_path, [Counter(), PlateauTest(9)], f"damaged .*{name}.*left as it")


def test_a_target_with_other_values_is_an_error(tmp_path):
    write(tmp_path, np.array([1.0, 2.0]))
    # Another machine rounds otherwise, and float32 more than float64.
    for same in ([1.0, 2.0], [1.0, 2.0 + 1e-12], np.float32([1.0, 2.0 + 1e-6])):
        open_at(tmp_path, np.array(same))
    for other in ([1.0, 2.0 + 1e-6], np.float32([1.0, 2.01]), [1.0]):
        with pytest.raises(ValueError, match="another target"):
            open_at(tmp_path, np.array(other))


@pytest.mark.parametrize(
    "metadata",
    [
        dict(settings=None),
        dict(settings=dict(seed="ab")),
        dict(settings=dict(seed=[0, 2**40])),
        dict(events="Counter"),
        dict(events=[1, 2]),
        dict(step=1e30),
        dict(step=float("inf")),
        dict(num_rollbacks=None),
        dict(seconds=float("nan")),
    ],
    ids=str,
)
def test_metadata_of_no_fit_are_refused(metadata, tmp_path):
    write(tmp_path)
    change(tmp_path, metadata)
    with pytest.raises(InvalidFileError, match=r"fit\.npz is no checkpoint"):
        open_at(tmp_path).resume(new_run(), [Counter(), PlateauTest(100)])
