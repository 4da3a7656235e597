"""Loading TensorFlow without its start-up log."""

import contextlib
import os
import sys
import tempfile


def load_tensorflow():
    """Imports TensorFlow and TensorFlow Probability, and drops what they log meanwhile.

    TensorFlow's C++ parts write to file descriptor 2 before any log level is in force,
    so that the one line that a bad call deserves would be lost among theirs. If the
    import fails, what was written is shown.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _captured_stderr():
        import tensorflow  # noqa: F401
        import tensorflow_probability  # noqa: F401


@contextlib.contextmanager
def _captured_stderr():
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
