"""What the file of a checkpoint holds, of this version and of earlier ones."""

import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from tfp_flows.files import Format

# 3 names the arrays of events by their classes, and knows the objective and values of the
# target; 4 lists the events, and knows the structure of the flow.
VERSION = 4

FORMAT = Format(
    "tfp_flows/fit",
    range(2, VERSION + 1),
    is_not="no checkpoint of a fit",
    advice="move it away, or pass another `checkpoint_dir`. The file is left as it is",
)


class Stored(NamedTuple):
    """What a checkpoint holds.

    Attributes:
      metadata: `dict` of plain values.
      arrays: `dict` of arrays by name.
    """

    metadata: dict[str, Any]
    arrays: dict[str, np.ndarray]

    def differences(self, settings: Mapping[str, Any]) -> list[str]:
        """Each setting that is another one now, as "name stored instead of new"."""
        expected = json.loads(json.dumps(settings))
        if self.metadata["version"] < 4:
            expected.pop("flow", None)
        if self.metadata["version"] < 3:
            expected.pop("objective", None)
            if expected["optimizer"] == "EigenbasisAdam":  # of this, the schedule alone
                schedule = expected["optimizer_config"]["learning_rate"]["config"]
                expected["optimizer_config"] = dict(learning_rate=schedule)
        return list(_differences(self.metadata["settings"], expected))


def read(path: pathlib.Path) -> Stored:
    """The content of a file.

    Raises:
      OSError: if it cannot be read.
      InvalidFileError: if it is damaged, no checkpoint, or of a newer version.
    """
    metadata, arrays = FORMAT.read(path)
    settings, events = metadata.get("settings"), metadata.get("events", [])
    seed = settings.get("seed") if isinstance(settings, dict) else None
    is_seed = isinstance(seed, list) and [type(part) for part in seed] == [int, int]
    if seed is None or not is_seed or max(map(abs, seed)) > 2**31:
        raise FORMAT.invalid(path, "its settings have no seed")
    if not isinstance(events, list) or not all(isinstance(name, str) for name in events):
        raise FORMAT.invalid(path, "its events have no names")
    if metadata["version"] == 2:
        arrays = _named_by_events(metadata, arrays)
    return Stored(metadata, arrays)


def _named_by_events(
    metadata: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The arrays of a file of version 2 under the names of later ones."""
    named = {
        f"HeldOutTest.{name}" if name.startswith("validat") else name: value
        for name, value in arrays.items()
    }
    for name in ("num_plateaus", "settled"):
        named[f"PlateauTest.{name}"] = np.array(metadata.get(name, 0))
    return named


def _differences(stored: Mapping, expected: Mapping, prefix: str = "") -> Iterator[str]:
    for name in sorted(set(stored) | set(expected)):
        old, new = stored.get(name), expected.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, f"{prefix}{name}.")
        elif old != new:
            yield f"{prefix}{name} {old!r} instead of {new!r}"
