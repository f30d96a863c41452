"""A lock on a folder: only one process at a time writes a run or a search there."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAME = "lock"
PLACE = 1 << 30  # offset of the byte that Windows locks, far from the process number others read
# The errors of a file system without locks, on which the block runs unlocked.
NO_LOCKS = ("ENOLCK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS")


@contextlib.contextmanager
def locked(directory: Path, caller: str) -> Iterator[None]:
    """Lock a folder, which must exist, against other processes and threads during the block.

    The operating system locks the file `lock`, which holds the process number, and releases the
    lock when the process ends, however it ends. The file is removed when the block ends.

    Raises: RuntimeError in the name of the function `caller`, with the number of the other process;
    OSError if the file cannot be created.
    """
    path = directory / NAME
    file = _open_locked(path, caller)
    try:
        with contextlib.suppress(OSError):  # the number is informative; a full disk shows up later
            file.truncate(0)
            file.write(str(os.getpid()).encode())
        yield
    finally:
        # Removed before another process can lock it; Windows does not remove an open file.
        with contextlib.suppress(OSError):
            if os.name != "nt":
                path.unlink(missing_ok=True)
            file.close()
            if os.name == "nt":
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def making(directory: Path, fresh: bool = False) -> Iterator[None]:
    """Create a folder for the block's output; if the block fails, remove the folders left empty.

    Raises: FileExistsError if the folder must be `fresh` and already exists.
    """
    made = [path for path in (directory, *directory.parents) if not path.exists()]
    directory.mkdir(parents=True, exist_ok=not fresh)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # not empty
            for path in made:
                path.rmdir()
        raise


def _open_locked(path: Path, caller: str) -> Any:
    """Open the file at `path` and lock it."""
    while True:
        file = open(path, "a+b", buffering=0)  # noqa: SIM115 (closed by `locked`)
        try:
            _lock(file)
            if _is_at(file, path):
                return file
        except BlockingIOError:
            number = _number(path)
            of = f" (process {number})" if number else ""
            file.close()
            raise RuntimeError(
                f"{caller}: {path.parent} is being written by another process{of}; wait until it "
                "has ended, or stop it"
            ) from None
        file.close()  # its process has removed it since: there is a new file, or none


def _lock(file: Any) -> None:
    """Raises BlockingIOError if another process holds the lock."""
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(PLACE)
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            except OSError as error:
                raise BlockingIOError from error
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in {getattr(errno, name, None) for name in NO_LOCKS}:
            raise


def _is_at(file: Any, path: Path) -> bool:
    """Whether `path` still refers to the open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _number(path: Path) -> str:
    """The number of the process that holds the lock, or "" before it is written."""
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
    return text if text.isdecimal() else ""
