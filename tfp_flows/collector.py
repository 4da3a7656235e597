"""Python's garbage collector, kept out of the way of heavy imports."""

import contextlib
import gc


@contextlib.contextmanager
def paused():
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
