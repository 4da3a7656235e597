"""Checkpoints of a fit: one file of plain arrays, replaced whole, never a pickle."""

import json
import pathlib
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows.files import prepare_folder, replacing
from tfp_flows.training.event import Event
from tfp_flows.training.run import Run, Traces, optimizer_slots
from tfp_flows.types import PathLike

_FORMAT = "tfp_flows/fit"
_VERSION = 3


class Checkpoint(Event):
    """The file `fit.npz` in a folder, read when a fit starts and written as it goes."""

    def __init__(
        self,
        folder: PathLike,
        *,
        every_steps: int | None = None,
        every_seconds: float = 60.0,
    ) -> None:
        """Reads what is there.

        Args:
          folder: made if need be.
          every_steps: steps between two writes; `None` goes by time.
          every_seconds: seconds between two writes, if `every_steps` is `None`.

        Raises:
          OSError: if the folder or the file cannot be read or written.
          ValueError: if the file is damaged or not a checkpoint; it is left as it is.
        """
        self.path = prepare_folder(pathlib.Path(folder)) / "fit.npz"
        self._every_steps, self._every_seconds = every_steps, every_seconds
        self._metadata: dict[str, Any] | None = None
        self._arrays: dict[str, np.ndarray] = {}
        if self.path.exists():
            self._metadata, self._arrays = _read(self.path)
        self._saved_at, self._saved_step = time.monotonic(), -1

    @property
    def seed(self) -> list[int] | None:
        """The seed of the interrupted fit, or `None` if there is none."""
        return None if self._metadata is None else self._metadata["settings"]["seed"]

    def resume(
        self,
        run: Run,
        events: Sequence[Event],
        settings: Mapping[str, Any],
        fingerprint: np.ndarray | None = None,
    ) -> None:
        """Takes the run, and its events, to where the file is, if there is one.

        Args:
          run: `Run` that has made no step.
          events: its other `Event`s, started.
          settings: `dict` of plain values, which must be those of the file.
          fingerprint: what the objective is known by besides, such as values of a target;
            must be that of the file, up to rounding.

        Raises:
          ValueError: if the file is damaged or of another fit; nothing has been changed
            then.
        """
        self._events, self._settings, self._fingerprint = events, settings, fingerprint
        if self._metadata is None:
            return
        self._check_settings(self._metadata, settings)
        self._check_fingerprint()
        likes = self._named(run)
        try:
            values: dict[str, Any] = {name: self._arrays[name] for name in likes}
            traces = [self._arrays[name] for name in Traces.NAMES]
            step = int(self._metadata["step"])
            num_rollbacks = int(self._metadata["num_rollbacks"])
            seconds = float(self._metadata["seconds"])
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(self.path, error) from error
        if any(len(trace) != step for trace in traces):
            raise _damaged(self.path, f"traces of {len(traces[0])} steps after {step}")
        for name, like in likes.items():
            if tuple(values[name].shape) != tuple(like.shape):
                raise self._foreign(
                    f"has an array of shape {values[name].shape} where this fit has "
                    f"{tuple(like.shape)}"
                )
            values[name] = tf.cast(values[name], like.dtype)
        for name, variable in _variables(run).items():
            variable.assign(values[name])
        run.state.restore(step, values)
        run.traces.replace(traces)
        run.num_rollbacks, run.earlier_seconds = num_rollbacks, seconds
        for event in events:
            event.restore({k: values[_key(event, k)].numpy() for k in event.state()})

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
        arrays: dict[str, Any] = {k: _array(v) for k, v in self._named(run).items()}
        arrays.update(zip(Traces.NAMES, run.traces.stacked(), strict=True))
        if self._fingerprint is not None:
            arrays["fingerprint"] = self._fingerprint
        metadata = dict(
            format=_FORMAT,
            version=_VERSION,
            settings=self._settings,
            step=run.step,
            num_rollbacks=run.num_rollbacks,
            seconds=run.seconds,
        )
        with replacing(self.path) as file:
            np.savez(file, metadata=np.array(json.dumps(metadata)), **arrays)
        self._saved_at, self._saved_step = time.monotonic(), run.step

    def _named(self, run: Run) -> dict[str, Any]:
        """Every tensor and variable of a fit, and what its events remember, by name."""
        of_events = {
            _key(event, name): np.asarray(value)
            for event in self._events
            for name, value in event.state().items()
        }
        return {**_variables(run), **run.state.arrays(), **of_events}

    def _check_settings(
        self, metadata: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> None:
        expected = json.loads(json.dumps(settings))
        if metadata["version"] == 2:
            del expected["objective"]  # which it did not know
            if expected["optimizer"] == "EigenbasisAdam":  # of this, the schedule alone
                schedule = expected["optimizer_config"]["learning_rate"]["config"]
                expected["optimizer_config"] = dict(learning_rate=schedule)
        differing = list(_differences(metadata["settings"], expected))
        if differing:
            raise self._foreign(f"is of a fit with {', '.join(differing)}")

    def _check_fingerprint(self) -> None:
        stored, now = self._arrays.get("fingerprint"), self._fingerprint
        if stored is None or now is None:  # of a file of version 2, or of no target
            return
        # Another machine rounds otherwise.
        tolerance = float(np.finfo(now.dtype).eps) ** 0.5
        is_same = stored.shape == now.shape and np.allclose(
            stored, now, rtol=tolerance, atol=tolerance, equal_nan=True
        )
        if not is_same:
            raise self._foreign(
                "is of a fit to another target: it had other values at the same points"
            )

    def _foreign(self, what: str) -> ValueError:
        return ValueError(
            f"{self.path} {what}; pass the arguments of that fit to resume it, or "
            "another `checkpoint_dir` to start anew. The file is left as it is."
        )


def _variables(run: Run) -> dict[str, tf.Variable]:
    groups = {"variable": run.variables, "optimizer": optimizer_slots(run.optimizer)}
    return {f"{n}_{i}": v for n, group in groups.items() for i, v in enumerate(group)}


def _key(event: Event, name: str) -> str:
    return f"{type(event).__name__}.{name}"


def _read(path: pathlib.Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Metadata and arrays of the file."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
        metadata = json.loads(str(arrays.pop("metadata")))
        found = metadata["format"], metadata["version"]
        _ = metadata["settings"]["seed"]
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from error
    if found == (_FORMAT, 2):
        return metadata, _upgraded(metadata, arrays)
    if found != (_FORMAT, _VERSION):
        raise ValueError(
            f"{path} has format {found[0]!r} version {found[1]}, but this version of "
            f"tfp_flows reads {_FORMAT!r} version {_VERSION}; pass another "
            "`checkpoint_dir`."
        )
    return metadata, arrays


def _upgraded(
    metadata: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The arrays of a file of version 2 under the names of version 3."""
    named = {
        f"HeldOutTest.{name}" if name.startswith("validat") else name: value
        for name, value in arrays.items()
    }
    for name in ("num_plateaus", "settled"):
        named[f"PlateauTest.{name}"] = np.array(metadata.get(name, 0))
    return named


def _differences(stored: Mapping, expected: Mapping, prefix: str = "") -> Iterator[str]:
    """Each setting that differs, as "name stored instead of expected"."""
    for name in sorted(set(stored) | set(expected)):
        old, new = stored.get(name), expected.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, f"{prefix}{name}.")
        elif old != new:
            yield f"{prefix}{name} {old!r} instead of {new!r}"


def _damaged(path: pathlib.Path, why: Exception | str) -> ValueError:
    return ValueError(
        f"{path} is no checkpoint of a fit, or is damaged ({why}); move it away, or pass "
        "another `checkpoint_dir`. The file is left as it is."
    )


def _array(value: Any) -> np.ndarray:
    """The value as an array of a dtype that NumPy can store."""
    value = tf.convert_to_tensor(value)
    if value.dtype == tf.bfloat16:
        value = tf.cast(value, tf.float32)
    return value.numpy()
