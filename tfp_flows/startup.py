"""The start of a process: loading TensorFlow, and finding what was compiled before."""

import atexit
import contextlib
import gc
import hashlib
import os
import pathlib
import platform
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence

# Keras imports these where they are installed, and does without where they are not: for
# notebooks, its galleries of images and its wrappers. No command uses those features.
_NOT_FOR_KERAS = ("IPython", "matplotlib", "sklearn")

_CACHE_FLAG = "--tf_xla_persistent_cache_directory"


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


def cache_compilations(folder: str | os.PathLike) -> pathlib.Path:
    """Keeps what XLA compiles in a folder, where later processes find it.

    A program is found if it is the same to the last constant, so that a script that is
    run again, or a notebook whose kernel was started anew, need not wait for XLA: only
    for the trace. Results are the same to the bit.

    The files, one or two megabytes for each program, are TensorFlow's own
    (`--tf_xla_persistent_cache_directory` of `TF_XLA_FLAGS`, which is set here, for this
    process and for those that it starts). TensorFlow does not compare versions or
    processors when it reads them, and never deletes any: they go to a subfolder for this
    version and processor, and are yours to delete.

    #### Example

    ```python
    import tfp_flows as tff

    tff.startup.cache_compilations("compiled")  # before anything is computed
    ```

    Args:
      folder: path, made if need be.

    Returns:
      The subfolder, a `pathlib.Path`.

    Raises:
      RuntimeError: if TensorFlow has computed something, and so has read its flags.
      ValueError: if `TF_XLA_FLAGS` names another folder, or a file of flags, or the path
        has quotation marks.
      OSError: if the folder cannot be made or written to.
    """
    import tensorflow as tf

    flags = os.environ.get("TF_XLA_FLAGS", "")
    if flags and not flags.lstrip().startswith("--"):
        raise ValueError(
            f"TF_XLA_FLAGS is {flags!r}, a file of flags; add {_CACHE_FLAG}=FOLDER to it."
        )
    properties = "\n".join([*_processor(), os.environ.get("XLA_FLAGS", "")])
    digest = hashlib.sha256(properties.encode()).hexdigest()[:12]
    path = pathlib.Path(folder).absolute() / f"tensorflow-{tf.__version__}-{digest}"
    if '"' in str(path):
        raise ValueError(f"A folder in quotes can have none in its name, as {path} has.")
    known = compilations_folder()
    if known == str(path):
        return path
    if known is not None:
        raise ValueError(
            f"TF_XLA_FLAGS names a folder for what is compiled: {flags!r}; take it out, "
            "or keep to that."
        )
    if _has_begun():
        raise RuntimeError(
            "TensorFlow has computed something already, and does not read its flags "
            "again; call `cache_compilations` at the top, after the imports."
        )
    path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path):
        pass
    os.environ["TF_XLA_FLAGS"] = f'{flags} {_CACHE_FLAG}="{path}"'.lstrip()
    return path


def compilations_folder() -> str | None:
    """Where TensorFlow keeps what XLA compiles, by `TF_XLA_FLAGS`; `None` is nowhere."""
    found = re.search(
        rf"{_CACHE_FLAG}=(\"[^\"]*\"|\S*)", os.environ.get("TF_XLA_FLAGS", "")
    )
    return found[1].strip('"') if found else None


def _processor() -> list[str]:
    """What compiled code depends on: the instructions and the number of cores."""
    path = pathlib.Path("/proc/cpuinfo")
    names = ("model name", "flags", "Features")
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    known = sorted({line for line in lines if line.startswith(names)})
    return [platform.machine(), platform.processor(), str(os.cpu_count()), *known]


def _has_begun() -> bool:
    """Whether TensorFlow has started its runtime, and read its flags."""
    # TensorFlow has no public way to ask that does not start it.
    from tensorflow.python.eager import context

    current = context.context_safe()
    return current is not None and current._initialized


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
