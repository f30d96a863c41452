"""A lock on a folder: one process at a time writes what a run or a search keeps there."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAME = "lock"
PLACE = 1 << 30  # of the byte that Windows locks, far from the number that others read
# What a file system without locks says: then there is none, as there is no way to tell.
NO_LOCKS = ("ENOLCK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS")


@contextlib.contextmanager
def locked(directory: Path, caller: str) -> Iterator[None]:
    """Let no other process or thread into such a block for this folder, which must exist.

    The lock is the operating system's on the file `lock`, which has the number of the process: it
    is free as soon as the process ends, however that happens. The file is removed with the lock.

    Raises: RuntimeError in the name of the function `caller`, with the other process's number;
    OSError if the file cannot be made.
    """
    path = directory / NAME
    file = _open_locked(path, caller)
    try:
        with contextlib.suppress(OSError):  # the number is for a message; a full disk is told later
            file.truncate(0)
            file.write(str(os.getpid()).encode())
        yield
    finally:
        # Removed before another process can have it; Windows does not remove an open file.
        with contextlib.suppress(OSError):
            if os.name != "nt":
                path.unlink(missing_ok=True)
            file.close()
            if os.name == "nt":
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def making(directory: Path, fresh: bool = False) -> Iterator[None]:
    """Make a folder for what the block puts there; if it fails, those that stay empty go again.

    Raises: FileExistsError if the folder must be `fresh` and is there already.
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
    """The file of that path, open and locked."""
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
        file.close()  # removed since by the process that had it: there is a new one, or none


def _lock(file: Any) -> None:
    """Raises BlockingIOError if another has the lock."""
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
    """Whether the open file still is the one of that path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _number(path: Path) -> str:
    """The number of the process that has the lock, "" while it has not written it."""
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
    return text if text.isdecimal() else ""
