"""Name the rank that ended first: a process of its own on each machine, which outlives all ranks.

A launcher kills every rank as soon as one dies, so none of them can tell which it was. The watcher
is no rank; it sleeps until a process ends, or until the ranks say that they end in order.

    python watcher.py RANK=PROCESS=HANDLE ...        the handles are open files of this process
"""

from __future__ import annotations

import os
import platform
import select
import sys
from typing import Any

BYE = b"bye"


def start(processes: dict[int, int]) -> Any:
    """Start the watcher of a machine's ranks, {rank: process number}; None where it cannot run.

    It needs Linux's handles of processes.
    """
    if not hasattr(os, "pidfd_open"):
        return None
    import subprocess  # a browser has none

    handles = {rank: os.pidfd_open(number) for rank, number in processes.items()}
    named = [f"{rank}={number}={handles[rank]}" for rank, number in processes.items()]
    started = subprocess.Popen(
        [sys.executable, "-S", "-E", __file__, *named],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=list(handles.values()),
        start_new_session=True,
    )
    for handle in handles.values():
        os.close(handle)
    output: Any = started.stdout
    output.read(1)  # it watches
    return started


def stop(watcher: Any) -> None:
    """Tell the watcher that all ranks end in order, and wait for its end."""
    watcher.communicate(BYE)


def watch(ranks: dict[int, tuple[int, int]]) -> None:
    """Print the first of {handle: (rank, process)} that ends, unless stdin says `BYE` before."""
    waiting = select.poll()
    for handle in (0, *ranks):
        waiting.register(handle, select.POLLIN)
    os.write(1, b".")
    while True:
        ready = {handle for handle, _ in waiting.poll()}
        if ready & ranks.keys():
            # Where the watcher woke up late, several have ended, and it names them all. One that is
            # ending may have begun before, since a handle waits for the last of its threads.
            ended = [ranks[k] for k in sorted(ranks) if k in ready or is_ending(ranks[k][1])]
            place = platform.node()
            named = [f"rank {rank} (process {number} on {place})" for rank, number in ended]
            text = f"minitorch_cnn: {' or '.join(named)} ended first, and with it all ranks\n"
            os.write(2, text.encode())
            return
        if os.read(0, 8) == BYE:
            return
        waiting.unregister(0)  # closed: the rank that started this has ended


def is_ending(process: int) -> bool:
    """Whether a process has begun to end: the flag PF_EXITING of its first thread, see proc(5)."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            flags = file.read().rpartition(b")")[2].split()[6]
    except OSError:  # it has ended and is gone, or /proc is hidden
        return False
    return bool(int(flags) & 0x4)


if __name__ == "__main__":
    given = [tuple(map(int, text.split("="))) for text in sys.argv[1:]]
    watch({handle: (rank, number) for rank, number, handle in given})
