"""containment: what the system keeps from a process: the network, files, memory, time, processes.

On Linux a process gets namespaces of its own (user, network, mounts, processes), where the kernel
lets everyone make them: it sees no network, can write into its temporary folder only, and all it
has started ends with it. What the kernel refuses is noted. Elsewhere only limits of time remain.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import re
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from .limits import Limits

# linux/sched.h, linux/mount.h, linux/prctl.h
NEWNS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
NOSUID, NODEV, REC, PRIVATE, RDONLY = 2, 4, 0x4000, 0x40000, 1
MOUNT_SETATTR, HERE, RECURSIVE = 442, -100, 0x8000  # the number is the same on all processors
PR_PDEATHSIG, PR_NO_NEW_PRIVS, PR_SUBREAPER = 1, 38, 36

NETWORK = "the network: this system has no namespaces for it, so only Python's sockets are refused"
FILES = "writing files elsewhere: this system does not mount them read-only for one process"
PROCESSES = "starting processes: this system does not count them for one submission"
TIME_ONLY = f"anything but time: memory, files and the network are not limited on {sys.platform}"


def libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments) -> None:
    """Call a function of the C library. Raises: OSError with its errno."""
    if getattr(libc(), name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def adopt_orphans() -> None:
    """Become the parent of all descendants whose parents end, so that they can be found."""
    with contextlib.suppress(OSError, AttributeError):
        call("prctl", PR_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):
        call("prctl", PR_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def separate(folder: str, hidden: Iterable[str], megabytes: int) -> list[str]:
    """Enter new namespaces, with `folder` as the only place to write; return what failed.

    hidden: folders that appear empty. The process must have one thread. Processes that it starts
    from now on are in a new namespace, of which the first is the parent of all.
    """
    user, group = os.getuid(), os.getgid()
    try:
        call("unshare", NEWUSER | NEWNS | NEWNET | NEWPID | NEWIPC)
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    except (OSError, AttributeError):
        return [NETWORK, FILES, PROCESSES]
    failed = []
    try:
        call("mount", b"none", b"/", None, REC | PRIVATE, None)
        only_read = (ctypes.c_uint64 * 4)(RDONLY, 0, 0, 0)  # attr_set, attr_clr, propagation, user
        size = ctypes.sizeof(only_read)
        call("syscall", MOUNT_SETATTR, HERE, b"/", RECURSIVE, ctypes.byref(only_read), size)
        for empty in hidden:
            if os.path.isdir(empty):
                call("mount", b"tmpfs", os.fsencode(empty), b"tmpfs", NOSUID | NODEV | RDONLY, None)
        settings = f"size={megabytes}m,mode=700".encode()
        call("mount", b"tmpfs", os.fsencode(folder), b"tmpfs", NOSUID | NODEV, settings)
    except OSError:
        failed.append(FILES)
    if not counts_processes():
        failed.append(PROCESSES)
    return failed


def counts_processes() -> bool:
    """Whether the limit of processes counts those of a user namespace alone: Linux 5.14."""
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    return bool(found) and tuple(map(int, found.groups())) >= (5, 14)


def drop_privileges() -> None:
    """Give up what the first process of a user namespace may do there, for good."""
    with contextlib.suppress(OSError, AttributeError):
        call("prctl", PR_NO_NEW_PRIVS, 1, 0, 0, 0)
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
        call("capset", ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))


def limit(limits: Limits, own_namespace: bool) -> None:
    """Limit this process's time, memory, files and processes, as far as the system can."""
    try:
        import resource
    except ImportError:  # not on Unix
        return
    used = time.process_time()  # where this process has also imported the package
    seconds, size = max(1, round(limits.seconds + used)), limits.file_megabytes * 2**20
    lower(resource.RLIMIT_CORE, 0)
    lower(resource.RLIMIT_CPU, seconds, seconds + 2)
    lower(resource.RLIMIT_FSIZE, size)
    lower(resource.RLIMIT_NOFILE, 256)
    if sys.platform == "linux":
        taken = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        lower(resource.RLIMIT_AS, taken * resource.getpagesize() + limits.megabytes * 2**20)
        with contextlib.suppress(OSError):  # the first to end if the machine has no memory left
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
        if own_namespace and counts_processes():
            lower(resource.RLIMIT_NPROC, limits.processes)


def lower(kind: int, soft: int, hard: int | None = None) -> None:
    """Lower a limit; never raise it."""
    import resource

    _, most = resource.getrlimit(kind)
    hard = soft if hard is None else hard
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(kind, (soft, hard))


def children(pid: int) -> list[int]:
    """The processes that a process has started (Linux)."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, path.read_text(encoding="ascii").split())
    return found


def kill_tree(pid: int) -> None:
    """End a process and all its descendants: stop each first, so that it starts no others."""
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGSTOP)
    for child in children(pid):
        kill_tree(child)
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def end_orphans() -> None:
    """End and reap whatever this process has adopted."""
    while left := children(os.getpid()):
        for pid in left:
            kill_tree(pid)
            with contextlib.suppress(OSError):
                os.waitpid(pid, 0)
