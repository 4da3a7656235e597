"""Checkpoints of a fit: one file of plain arrays, replaced whole, never a pickle."""

import dataclasses
import json
import pathlib
import time
import zipfile

import numpy as np
import tensorflow as tf

from tfp_flows.files import prepare_folder, replacing

_FORMAT = "tfp_flows/fit"
_VERSION = 1
_TRACES = ("loss", "beta", "gradient_norm")


@dataclasses.dataclass
class TrainingState:
    """All that a fit carries from step to step, besides its variables.

    Attributes:
      step: the number of updates made.
      best: as `training_loop.initial_best` makes it.
      traces: list of triples of arrays, one per call of the loop.
      seconds: time spent by earlier processes.
    """

    step: int
    best: tuple
    traces: list
    seconds: float = 0.0

    def stacked_traces(self):
        """The loss, beta and gradient norm of all steps."""
        return [np.concatenate(parts) for parts in zip(*self.traces, strict=True)]


class Checkpoint:
    """The file `fit.npz` in a folder, read when a fit starts and written as it goes."""

    def __init__(self, folder, *, every_steps=None, every_seconds=60.0):
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
        self.every_steps, self.every_seconds = every_steps, every_seconds
        self._metadata, self._arrays = (
            _read(self.path) if self.path.exists() else (None,) * 2
        )
        self._saved_at = time.monotonic()

    @property
    def seed(self):
        """The seed of the interrupted fit, or `None` if there is none."""
        return None if self._metadata is None else self._metadata["settings"]["seed"]

    def restore(self, state, settings, variables, optimizer):
        """Sets variables and optimizer to those of the file, if there is one.

        Args:
          state: `TrainingState` of a fit that has made no step.
          settings: `dict` of plain values, which must be those of the file.
          variables: list of `tf.Variable`s.
          optimizer: Keras optimizer, built.

        Returns:
          `TrainingState`: that of the file, or `state`.

        Raises:
          ValueError: if the file is of another fit; nothing has been changed then.
        """
        self._settings, self._variables, self._optimizer = settings, variables, optimizer
        if self._metadata is None:
            return state
        self._check_settings(settings)
        found = self._arrays
        values = _as_list(state.best[2])
        slots = _slots(optimizer)
        try:
            groups = [
                [(found[f"{name}_{i}"], like) for i, like in enumerate(likes)]
                for name, likes in (
                    ("variable", variables),
                    ("optimizer", slots),
                    ("best", values),
                    ("mean", state.best[:2]),
                )
            ]
            traces = tuple(found[name] for name in _TRACES)
            step, seconds = int(self._metadata["step"]), float(self._metadata["seconds"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged(error) from error
        for value, like in (pair for group in groups for pair in group):
            if tuple(value.shape) != tuple(like.shape):
                raise self._foreign(
                    f"has an array of shape {value.shape} where this fit has {like.shape}"
                )
        if any(len(trace) != step for trace in traces):
            raise self._damaged(f"traces of {len(traces[0])} steps after {step}")
        for value, variable in groups[0] + groups[1]:
            variable.assign(tf.cast(value, variable.dtype))
        best = tuple(tf.cast(value, like.dtype) for value, like in groups[2])
        means = (tf.cast(value, like.dtype) for value, like in groups[3])
        return TrainingState(step, (*means, best), [traces], seconds)

    def steps_left(self, step):
        """How many steps may follow `step` before the next write; `None` is any."""
        return self.every_steps and self.every_steps - step % self.every_steps

    def save_if_due(self, state, seconds):
        """Writes the state after `seconds` of this process, if it is time."""
        if self.every_steps is not None:
            is_due = state.step % self.every_steps == 0
        else:
            is_due = time.monotonic() - self._saved_at >= self.every_seconds
        if is_due:
            self.save(state, seconds)

    def save(self, state, seconds):
        """Writes the state, in place of the file as a whole."""
        running, lowest, best = state.best
        arrays = {}
        for name, values in (
            ("variable", self._variables),
            ("optimizer", _slots(self._optimizer)),
            ("best", best),
            ("mean", (running, lowest)),
        ):
            arrays.update(
                {f"{name}_{i}": _array(value) for i, value in enumerate(values)}
            )
        arrays.update(zip(_TRACES, state.stacked_traces(), strict=True))
        metadata = dict(
            format=_FORMAT,
            version=_VERSION,
            settings=self._settings,
            step=state.step,
            seconds=state.seconds + seconds,
        )
        with replacing(self.path) as file:
            np.savez(file, metadata=np.array(json.dumps(metadata)), **arrays)
        self._saved_at = time.monotonic()

    def _check_settings(self, settings):
        expected = json.loads(json.dumps(settings))
        differing = list(_differences(self._metadata["settings"], expected))
        if differing:
            raise self._foreign(f"is of a fit with {', '.join(differing)}")

    def _foreign(self, what):
        return ValueError(
            f"{self.path} {what}; pass the arguments of that fit to resume it, or "
            "another `checkpoint_dir` to start anew. The file is left as it is."
        )

    def _damaged(self, why):
        return _damaged(self.path, why)


def _read(path):
    """Metadata and arrays of the file."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
        metadata = json.loads(str(arrays.pop("metadata")))
        found = metadata["format"], metadata["version"]
        _ = metadata["settings"]["seed"]
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from error
    if found[0] != _FORMAT or found[1] > _VERSION:
        raise ValueError(
            f"{path} has format {found[0]!r} version {found[1]}, but this version of "
            f"tfp_flows reads {_FORMAT!r} up to {_VERSION}; pass another "
            "`checkpoint_dir`."
        )
    return metadata, arrays


def _differences(stored, expected, prefix=""):
    """Each setting that differs, as "name stored instead of expected"."""
    for name in sorted(set(stored) | set(expected)):
        old, new = stored.get(name), expected.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, f"{prefix}{name}.")
        elif old != new:
            yield f"{prefix}{name} {old!r} instead of {new!r}"


def _damaged(path, why):
    return ValueError(
        f"{path} is no checkpoint of a fit, or is damaged ({why}); move it away, or pass "
        "another `checkpoint_dir`. The file is left as it is."
    )


def _slots(optimizer):
    return _as_list(optimizer.variables)


def _as_list(values):
    return list(values() if callable(values) else values)


def _array(value):
    """The value as an array of a dtype that NumPy can store."""
    value = tf.convert_to_tensor(value)
    if value.dtype == tf.bfloat16:
        value = tf.cast(value, tf.float32)
    return value.numpy()
