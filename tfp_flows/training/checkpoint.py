"""Checkpoints of a fit, written as it goes."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.files import prepare_folder
from tfp_flows.training.checkpoint_file import FORMAT, VERSION, Stored, read
from tfp_flows.training.event import Event
from tfp_flows.training.run import Run, Traces, optimizer_slots
from tfp_flows.types import PathLike

# What `Event.restore` may raise at a state that is not one of its own.
_REFUSALS = (KeyError, IndexError, TypeError, ValueError, tf.errors.OpError)


class Checkpoint(Event):
    """The file `fit.npz` in a folder, read when a fit starts and written as it goes.

    It is of the fit that goes on from it alone: of the same settings, flow, target and
    events. An event more or less would change the numbers from its step on, and one that
    begins in the middle of a fit has missed what it should have seen; so both are
    refused. Files of earlier versions do not list their events: there, only an event is
    refused that finds nothing to remember.

    Attributes:
      FILE: name of the file.
    """

    FILE = "fit.npz"

    def __init__(
        self,
        folder: PathLike,
        *,
        every_steps: int | None = None,
        every_seconds: float = 60.0,
        is_writer: bool = True,
    ) -> None:
        """Reads what is there.

        Args:
          folder: made if need be.
          every_steps: steps between two writes; `None` goes by time.
          every_seconds: seconds between two writes, if `every_steps` is `None`.
          is_writer: whether this process writes, as one of several workers does.

        Raises:
          OSError: if the folder or the file cannot be read or written.
          InvalidFileError: if the file is damaged or not a checkpoint; it is left as it
            is.
        """
        self.path = prepare_folder(folder, "checkpoint_dir") / self.FILE
        self._every_steps, self._every_seconds = every_steps, every_seconds
        self._is_writer = is_writer
        self._stored: Stored | None = None
        if self.path.exists():
            self._stored = read(self.path)
        self._saved_at, self._saved_step = time.monotonic(), -1

    @property
    def seed(self) -> list[int] | None:
        """The seed of the interrupted fit, or `None` if there is none."""
        return None if self._stored is None else self._stored.metadata["settings"]["seed"]

    def of_fit(
        self, settings: Mapping[str, Any], fingerprint: np.ndarray | None = None
    ) -> None:
        """Takes what the fit is known by.

        Args:
          settings: `dict` of plain values, which must be those of the file.
          fingerprint: what the objective is known by besides, such as values of a target;
            must be that of the file, up to the rounding of its dtype.

        Raises:
          ValueError: if the file is of another fit.
        """
        self._settings, self._fingerprint = settings, fingerprint
        if self._stored is None:
            return
        differences = self._stored.differences(settings)
        if differences:
            raise self._foreign(f"is of a fit with {', '.join(differences)}")
        self._check_fingerprint(self._stored.arrays.get("fingerprint"), fingerprint)

    def resume(self, run: Run, events: Sequence[Event]) -> None:
        """Takes the run, and its events, to where the file is, if there is one.

        Args:
          run: `Run` that has made no step.
          events: its other `Event`s, started.

        Raises:
          TypeError: if the state of an event cannot be stored.
          ValueError: if the file is damaged or of another fit; variables and optimizer
            have not been changed then.
        """
        self._events, stored = events, self._stored
        for event in events:
            _state(event)
        if stored is None:
            return
        self._check_events(stored.metadata.get("events"), _names(events))
        values = self._read_values(run, stored.arrays)
        traces = self._read_traces(run, stored.arrays)
        try:
            step, num_rollbacks = (
                numerics.check_size(name, stored.metadata[name], least=0)
                for name in ("step", "num_rollbacks")
            )
            seconds = numerics.check_number(
                "seconds", stored.metadata["seconds"], least=0.0
            )
        except (KeyError, ValueError) as error:
            raise FORMAT.invalid(self.path, error) from error
        if any(len(trace) != step for trace in traces):
            raise FORMAT.invalid(
                self.path, f"traces of {len(traces[0])} steps after {step}"
            )
        for event in events:
            self._restore_event(event, stored.arrays)
        # Nothing fails from here on.
        for name, variable in _variables(run).items():
            variable.assign(values[name])
        run.state.restore(step, values)
        run.traces.replace(traces)
        run.num_rollbacks, run.earlier_seconds = num_rollbacks, seconds

    def steps_left(self, step: int) -> float:
        """See base class."""
        if self._every_steps is None:
            return super().steps_left(step)
        return self._every_steps - step % self._every_steps

    def update(self, run: Run) -> None:
        """Writes the state, if it is time."""
        if self._every_steps is not None:
            is_due = run.step % self._every_steps == 0
        else:
            is_due = time.monotonic() - self._saved_at >= self._every_seconds
        if is_due:
            self.save(run)

    def finish(self, run: Run) -> None:
        """Writes the state at the end."""
        if self._saved_step != run.step:
            self.save(run)

    def save(self, run: Run) -> None:
        """Writes the state, in place of the file as a whole."""
        if not self._is_writer:
            return
        arrays = {name: np.asarray(value) for name, value in _tensors(run).items()}
        arrays.update(zip(Traces.NAMES, run.traces.stacked(), strict=True))
        for event in self._events:
            arrays.update(_state(event))
        if self._fingerprint is not None:
            arrays["fingerprint"] = self._fingerprint
        metadata = dict(
            version=VERSION,
            settings=self._settings,
            events=_names(self._events),
            step=run.step,
            num_rollbacks=run.num_rollbacks,
            seconds=run.seconds,
        )
        FORMAT.write(self.path, metadata, arrays)
        self._saved_at, self._saved_step = time.monotonic(), run.step

    def _check_events(self, stored: list[str] | None, now: list[str]) -> None:
        if stored is None or stored == now:
            return
        added = [name for name in now if name not in stored]
        missing = [name for name in stored if name not in now]
        parts = [f"without {', '.join(added)}"] * bool(added)
        parts += [f"with {', '.join(missing)}"] * bool(missing)
        parts = parts or [f"in the order {', '.join(stored)}"]
        raise self._foreign(f"is of a fit {', and '.join(parts)} among its events")

    def _check_fingerprint(
        self, stored: np.ndarray | None, now: np.ndarray | None
    ) -> None:
        if stored is None or now is None:  # of a file of version 2, or of no target
            return
        # Another machine rounds otherwise.
        rounding = numerics.epsilon(tf.as_dtype(now.dtype)) ** 0.5
        is_same = stored.shape == now.shape and np.allclose(
            stored, now.astype(np.float64), rounding, rounding, equal_nan=True
        )
        if not is_same:
            raise self._foreign(
                "is of a fit to another target: it had other values at the same points"
            )

    def _read_values(
        self, run: Run, arrays: Mapping[str, np.ndarray]
    ) -> dict[str, tf.Tensor]:
        """The tensors of variables, optimizer and state, of the right shapes."""
        values = {}
        for name, like in _tensors(run).items():
            array = self._numbers(arrays, name)
            if array.shape != tuple(like.shape):
                raise self._foreign(
                    f"has an array of shape {array.shape} where this fit has "
                    f"{tuple(like.shape)}"
                )
            # Scales of an optimizer may overflow, and the lowest loss begins at +inf.
            is_parameter = name.startswith(("variable", "best"))
            is_good = np.isfinite(array) if is_parameter else ~np.isnan(array)
            if not np.all(is_good):
                raise FORMAT.invalid(self.path, f"{name} is not finite")
            values[name] = tf.cast(array, like.dtype)
        return values

    def _read_traces(
        self, run: Run, arrays: Mapping[str, np.ndarray]
    ) -> list[np.ndarray]:
        traces = []
        for name, like in zip(Traces.NAMES, run.traces.stacked(), strict=True):
            array = self._numbers(arrays, name)
            if array.shape[1:] != like.shape[1:]:
                raise FORMAT.invalid(self.path, f"{name} has shape {array.shape}")
            traces.append(array.astype(like.dtype))
        return traces

    def _numbers(self, arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
        array = arrays.get(name)
        if array is None or array.dtype.kind not in "fiub":
            raise FORMAT.invalid(self.path, f"no numbers called {name}")
        return array

    def _restore_event(self, event: Event, arrays: Mapping[str, np.ndarray]) -> None:
        name = type(event).__name__
        start = len(f"{name}.")
        state = {
            key[start:]: np.array(array)
            for key, array in arrays.items()
            if key.startswith(f"{name}.")
        }
        try:
            event.restore(state)
        except _REFUSALS as error:
            raise self._foreign(
                f"has nothing that the event {name} can take up "
                f"({type(error).__name__}: {error})"
            ) from error

    def _foreign(self, what: str) -> ValueError:
        return ValueError(
            f"{self.path} {what}; pass the arguments of that fit to resume it, or "
            "another `checkpoint_dir` to start anew. The file is left as it is."
        )


def _names(events: Sequence[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def _variables(run: Run) -> dict[str, tf.Variable]:
    groups = {"variable": run.variables, "optimizer": optimizer_slots(run.optimizer)}
    return {f"{n}_{i}": v for n, group in groups.items() for i, v in enumerate(group)}


def _tensors(run: Run) -> dict[str, Any]:
    """Every tensor and variable of a fit, by name."""
    return {**_variables(run), **run.state.arrays()}


def _state(event: Event) -> dict[str, np.ndarray]:
    """What an event remembers, by the names of the file."""
    name, state = type(event).__name__, event.state()
    if not isinstance(state, dict):
        raise TypeError(f"{name}.state must return a dict, but returned {state!r}.")
    return {f"{name}.{key}": _storable(name, key, v) for key, v in state.items()}


def _storable(name: str, key: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError:  # of a ragged list
        array = np.array(None)
    if array.dtype.hasobject:
        raise TypeError(
            f"{name}.state returned {key}={value!r}, but a checkpoint holds arrays of "
            "numbers alone; turn it into such."
        )
    return array
