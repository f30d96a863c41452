"""The command under mpiexec or srun: all processes run it together, the first one speaks."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any


def count() -> int:
    """The number of processes that a launcher started."""
    from ..distributed import launched_size

    return launched_size()


def is_first() -> bool:
    """Whether this process writes files and prints."""
    from ..distributed import launched_rank

    return launched_rank() == 0


def begin() -> None:
    """Join the other processes, if a launcher started several."""
    from .. import distributed

    if count() > 1 and not distributed.is_initialized():
        distributed.init_process_group()


def of_first(value: Any) -> Any:
    """The first process's value, in all of them."""
    if count() == 1:
        return value
    from .. import distributed

    shared = [value]
    distributed.broadcast_object_list(shared)
    return shared[0]


def folder_of_first(place: AbstractContextManager[Path]) -> AbstractContextManager[Any]:
    """The folder for the first process, nothing for the others, which learn its name later."""
    return place if is_first() else nullcontext()


def fail(code: int, tell: Any, sentence: str) -> int:
    """Report an error of this process and end all; one that all have is told once.

    Returns the exit code of a process alone.
    """
    from ..distributed.group import abort, current_or_none

    group = current_or_none()
    if group is None:
        if is_first():
            tell(sentence)
        return code
    if group.rank:
        time.sleep(1)  # the first process ends all before, if it has the same error
        sentence = f"rank {group.rank}: {sentence}"
    tell(sentence)
    abort(code)
    return code
