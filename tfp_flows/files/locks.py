"""One process at a time: locks that end with the process, however it ends."""

import contextlib
import errno
import os
import pathlib
import socket
import time
import warnings
from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def locked(path: str | os.PathLike) -> Iterator[None]:
    """A context in which nobody else is in one for the same path, in any process.

    The kernel holds the lock, on a file beside `path` that says who has it. So there are
    no locks of processes that were killed, in this container or an earlier one, and none
    to remove by hand; other hosts see it if the file system passes `flock` on, as NFS
    does.

    Args:
      path: file to write, in a folder that exists.

    Raises:
      BlockingIOError: if somebody else has the lock; names process and host.
      OSError: if the file beside `path` cannot be written.
    """
    path = pathlib.Path(path)
    file = path.with_name(f".{path.name}.lock")
    descriptor = _acquire(file, path)
    try:
        yield
    finally:
        # Before it is unlocked: what is there later is another's.
        file.unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(file: pathlib.Path, path: pathlib.Path) -> int:
    """The descriptor of the lock file, locked."""
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor, path)
            if _is_still(descriptor, file):
                holder = f"process {os.getpid()} on {socket.gethostname()}, since "
                holder += time.strftime("%Y-%m-%d %H:%M:%S %z")
                os.ftruncate(descriptor, 0)
                os.write(descriptor, holder.encode())
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, path: pathlib.Path) -> None:
    try:
        if fcntl is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(descriptor, 500).decode(errors="replace")
        raise BlockingIOError(
            f"{path} is being written already ({holder or 'since just now'}); wait for "
            "the end of that, or choose another folder."
        ) from error
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP):
            raise
        warnings.warn(
            f"Cannot lock {path} on this file system ({error.strerror}): see to it that "
            "no other process writes there.",
            stacklevel=2,
        )


def _is_still(descriptor: int, file: pathlib.Path) -> bool:
    """Whether the file is the one that was opened, not removed by an earlier holder."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(file))
    except FileNotFoundError:
        return False
