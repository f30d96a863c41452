"""How many cores this process may use: the machine's, or what it was given of them.

A process may be kept on some cores (affinity), and a control group, as containers have one, may be
given the time of so many cores (quota). Threads beyond the quota are stopped, all together, for the
rest of a tenth of a second.
"""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path


def usable_cores() -> int:
    """The cores that this process may use, at least 1; of a quota the whole ones."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        cores = os.cpu_count() or 1
    return min(cores, quota() or cores)


@cache
def quota(root: str = "/") -> int | None:
    """The whole cores, at least 1, whose time the control groups of this process give it; None
    where they set no limit. A group has no more than the groups around it.

    root: where /proc and /sys are. Source: cgroups(7), version 1 and 2.
    """
    shares = [share for group in _groups(Path(root)) for share in _shares(group)]
    return max(1, int(min(shares))) if shares else None


def _groups(root: Path) -> Iterator[Path]:
    """The folders of the control groups that this process is in, and of those around them."""
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
        # Within a container the path may be the one outside: then its top is the group itself.
        below = Path(path.lstrip("/"))
        for top in tops:
            yield from (top / group for group in (below, *below.parents))


def _shares(group: Path) -> Iterator[float]:
    """The cores whose time a control group has, if that is limited."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            time, period = (word for name in names for word in (group / name).read_text().split())
            if time != "max" and int(time) > 0:  # "max" and -1 are no limit
                yield int(time) / int(period)
        except (OSError, ValueError, ZeroDivisionError):  # there is no such file, or another format
            continue
