"""Checkpoints of a fit: one file of plain arrays, replaced whole, never a pickle."""

import json
import pathlib
import time
import zipfile

import numpy as np
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.files import prepare_folder, replacing
from tfp_flows.vi.training_state import optimizer_slots

_FORMAT = "tfp_flows/fit"
_VERSION = 2
_FIELDS = ("step", "num_rollbacks", "num_plateaus", "settled", "seconds")
_TRACES = ("loss", "beta", "gradient_norm")


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
        likes = self._named(state)
        try:
            values = {name: self._arrays[name] for name in likes}
            traces = tuple(self._arrays[name] for name in _TRACES)
            fields = {
                name: type(getattr(state, name))(self._metadata[name]) for name in _FIELDS
            }
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(self.path, error) from error
        if any(len(trace) != fields["step"] for trace in traces):
            raise _damaged(
                self.path, f"traces of {len(traces[0])} steps after {fields['step']}"
            )
        for name, like in likes.items():
            if tuple(values[name].shape) != tuple(like.shape):
                raise self._foreign(
                    f"has an array of shape {values[name].shape} where this fit has "
                    f"{tuple(like.shape)}"
                )
            values[name] = tf.cast(values[name], like.dtype)
        for name, variable in self._named_variables().items():
            variable.assign(values[name])
        return state.replaced(values, traces=[traces], **fields)

    def _named_variables(self):
        groups = {
            "variable": self._variables,
            "optimizer": optimizer_slots(self._optimizer),
        }
        return {f"{n}_{i}": v for n, group in groups.items() for i, v in enumerate(group)}

    def _named(self, state):
        return {**self._named_variables(), **state.arrays()}

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
        arrays = {name: _array(value) for name, value in self._named(state).items()}
        arrays.update(zip(_TRACES, state.stacked_traces(), strict=True))
        metadata = dict(
            format=_FORMAT,
            version=_VERSION,
            settings=self._settings,
            **{name: getattr(state, name) for name in _FIELDS},
        )
        metadata["seconds"] += seconds
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


def open_checkpoint(folder, seed, *, every_steps, every_seconds):
    """The checkpoint of a fit, and its seed: that of the file if none is given.

    Args:
      folder: as of `Checkpoint`, or `None`.
      seed: `int` or stateless TFP seed; `None` takes that of the file, or a new one.
      every_steps: as of `Checkpoint`.
      every_seconds: as of `Checkpoint`.

    Returns:
      `(checkpoint, seed)`: a `Checkpoint` or `None`, and a stateless seed.
    """
    checkpoint = None
    if folder is not None:
        checkpoint = Checkpoint(
            folder, every_steps=every_steps, every_seconds=every_seconds
        )
        seed = checkpoint.seed if seed is None else seed
    return checkpoint, numerics.stateless_seed(seed)


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
    if found != (_FORMAT, _VERSION):
        raise ValueError(
            f"{path} has format {found[0]!r} version {found[1]}, but this version of "
            f"tfp_flows reads {_FORMAT!r} version {_VERSION}; pass another "
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


def _array(value):
    """The value as an array of a dtype that NumPy can store."""
    value = tf.convert_to_tensor(value)
    if value.dtype == tf.bfloat16:
        value = tf.cast(value, tf.float32)
    return value.numpy()
