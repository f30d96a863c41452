"""Limits: how much a check of a submission may use."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Limits:
    """How much one check of a submission may use.

    seconds: processor time of a check with the cells that it needs; twice as much by the clock.
    total: seconds by the clock for all checks of a file. megabytes: of memory, beside what the
    package itself takes. file_megabytes: of one file in the process's own temporary folder.
    processes: also threads.
    """

    seconds: float = 60
    total: float = 600
    megabytes: int = 2048
    file_megabytes: int = 64
    processes: int = 64
