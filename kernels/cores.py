"""The number of cores that this process may use, by its affinity and the quotas of its groups.

Affinity restricts a process to some cores. A quota restricts a control group, such as a
container's, to the time of a number of cores. When the threads of a group exceed the quota, all of
them are stopped for the rest of a tenth of a second.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def usable_cores() -> int:
    """The number of cores that this process may use, at least 1; a quota is rounded down."""
    if not has_threads():
        return 1
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        cores = os.cpu_count() or 1
    return min(cores, quota() or cores)


@cache
def has_threads() -> bool:
    """Whether Python can start threads; in a browser it cannot."""
    thread = threading.Thread(target=int)
    try:
        thread.start()
    except RuntimeError:
        return False
    thread.join()
    return True


@cache
def quota(root: str = "/") -> int | None:
    """The smallest quota of the control groups of this process, in whole cores, at least 1.

    None if they set no limit. The quotas of all enclosing groups apply.
    root: the directory of /proc and /sys. Source: cgroups(7), version 1 and 2.
    """
    from pathlib import Path

    shares = [share for group in _groups(Path(root)) for share in _shares(group)]
    return max(1, int(min(shares))) if shares else None


def _groups(root: Path) -> Iterator[Path]:
    """The folders of the control groups of this process and of their enclosing groups."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # not on Linux, or hidden
        return
    mount = root / "sys/fs/cgroup"
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2
            tops = mount, mount / "unified"
        elif "cpu" in controllers.split(","):
            tops = mount / controllers, mount / "cpu"
        else:
            continue
        # In a container the path may be the host's: then the top folder is the group itself.
        names = path.strip("/").split("/")
        for top in tops:
            yield from (top.joinpath(*names[:depth]) for depth in range(len(names), -1, -1))


def _shares(group: Path) -> Iterator[float]:
    """The quota of a control group in cores, if it has one."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            time, period = (word for name in names for word in (group / name).read_text().split())
            if time != "max" and int(time) > 0:  # "max" and -1 are no limit
                yield int(time) / int(period)
        except (OSError, ValueError, ZeroDivisionError):  # no such file, or another format
            continue
