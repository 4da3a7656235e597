"""Loading TensorFlow, quietly and without the garbage collector in the way."""

import atexit
import contextlib
import gc
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence

# Keras imports these where they are installed, and does without where they are not: for
# notebooks, its galleries of images and its wrappers. No command uses those features.
_NOT_FOR_KERAS = ("IPython", "matplotlib", "sklearn")


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """A context without collections; afterwards the collector is as it was.

    Importing TensorFlow makes more than a million objects that live to the end. The
    collector walks them again each time they have grown by a quarter, and finds nothing.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def load_tensorflow() -> None:
    """Imports TensorFlow and TensorFlow Probability, quietly and with little work.

    What they log meanwhile is dropped. TensorFlow's C++ parts write to file descriptor 2
    before any log level is in force, so that the one line that a bad call deserves would
    be lost among theirs. If the import fails, what was written is shown.

    The objects of the modules are frozen, so that no later collection walks them, and at
    exit whatever is left is: the interpreter would collect it all, twice, before the
    process ends. A process that has TensorFlow already is not touched.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _captured_stderr(), collector_paused(), _hidden(_NOT_FOR_KERAS):
        import tensorflow  # noqa: F401
        import tensorflow_probability  # noqa: F401
    gc.freeze()
    atexit.register(gc.freeze)


@contextlib.contextmanager
def _hidden(names: Sequence[str]) -> Iterator[None]:
    """A context in which these packages cannot be imported, if they have not been yet."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextlib.contextmanager
def _captured_stderr() -> Iterator[None]:
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(saved, 2)
            log.seek(0)
            sys.stderr.write(log.read().decode("utf-8", "replace"))
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
