"""server: imports the package once and runs each check in a forked child (Linux), or one check.

    python -m minitorch_cnn.course.grading.server           tasks from stdin, replies to stdout
    python -m minitorch_cnn.course.grading.server once      one task, in this process itself

Tasks and replies are lines of JSON. A child that runs students' code answers through a pipe of its
own, with a secret that only that child and the server know; other text in the pipe is ignored. The
server has no threads, so that its children are whole. runner.py starts it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import secrets
import select
import shutil
import signal
import sys
import tempfile
import time

from . import child, containment
from .guard import Snapshot, refuse
from .limits import Limits

LARGEST_REPLY = 2**20
GRACE = 2.0  # seconds for what is not the student's: starting, stopping


def preload() -> Snapshot:
    """Import what notebooks import, and remember the library as it is."""
    from ... import course, kernels

    for package in (course, kernels):
        for _, name, _ in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if not name.endswith(("__main__", "grading", "warm")):
                with contextlib.suppress(ImportError):
                    importlib.import_module(name)
    everything = sys.modules["minitorch_cnn"]
    for name in dir(everything):
        getattr(everything, name)
    with contextlib.suppress(ImportError):
        importlib.import_module("numba")
    with contextlib.suppress(ImportError):
        getattr(course, "plt")  # noqa: B009
    return Snapshot()


def serve() -> None:
    """Answer the tasks of stdin until it is closed."""
    tasks, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    child.silence()
    snapshot = preload()
    containment.die_with_parent()
    containment.adopt_orphans()
    replies.write(b"{}\n")
    replies.flush()
    private = (tasks.fileno(), replies.fileno())
    for line in tasks:
        reply = run_forked(json.loads(line), snapshot, private)
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.flush()


def run_forked(task: dict, snapshot: Snapshot, private: tuple[int, ...]) -> dict:
    """Run a task in a child with limits, end all it has started, and return its reply."""
    limits, secret = Limits(**task["limits"]), secrets.token_hex(16)
    folder = tempfile.mkdtemp(prefix="minitorch-cnn-grading-")
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            for descriptor in private:
                os.close(descriptor)
            contained(task, limits, snapshot, folder, Pipe(writing, secret))
        finally:
            os._exit(70)
    os.close(writing)
    try:
        return receive(reading, secret, min(2 * limits.seconds, limits.total) + GRACE)
    finally:
        os.close(reading)
        containment.kill_tree(pid)
        os.waitpid(pid, 0)
        containment.end_orphans()
        shutil.rmtree(folder, ignore_errors=True)


class Pipe:
    """The writing end of the pipe to the server."""

    def __init__(self, descriptor: int, secret: str) -> None:
        self.descriptor, self.secret = descriptor, secret

    def __call__(self, reply: dict) -> None:
        text = json.dumps({**reply, "secret": self.secret})
        os.write(self.descriptor, f"\n{text}\n".encode("utf-8", "backslashreplace"))


def contained(task: dict, limits: Limits, snapshot: Snapshot, folder: str, pipe: Pipe) -> None:
    """In the child: enter namespaces, run the check in a process inside, report how it ended."""
    os.setsid()
    containment.die_with_parent()
    failed = containment.separate(folder, task["hidden"], 4 * limits.file_megabytes)
    own = containment.NETWORK not in failed
    pipe({"notes": failed})
    if own and (first := os.fork()):  # the first process inside is the parent of all others there
        os.waitpid(first, 0)
        os._exit(0)
    containment.die_with_parent()
    inner = os.fork()
    if inner == 0:
        try:
            containment.die_with_parent()
            inside(task, limits, snapshot, folder, pipe, own)
        finally:
            os._exit(0)
    status = wait_for(inner)
    pipe({"ended": status})
    os._exit(0)


def wait_for(pid: int) -> int:
    """The exit code of a child, or minus the signal; other children that end are reaped."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def inside(
    task: dict, limits: Limits, snapshot: Snapshot, folder: str, pipe: Pipe, own: bool
) -> None:
    """Limit this process and run the check."""
    os.chdir(folder)
    for name in ("HOME", "TMPDIR", "TEMP", "TMP"):
        os.environ[name] = folder
    tempfile.tempdir = folder
    containment.limit(limits, own)
    containment.drop_privileges()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    set_threads(task["threads"])
    refuse([*task["hidden"], *([] if own else ["/proc"])], folder)
    child.run_check(task, snapshot, pipe)


def set_threads(count: int) -> None:
    from ...kernels import set_num_threads

    with contextlib.suppress(ImportError):
        set_num_threads(count)


def receive(descriptor: int, secret: str, seconds: float) -> dict:
    """What a child says through its pipe until it has ended or the time is over."""
    end, text, over = time.monotonic() + seconds, b"", False
    reply: dict = {"notes": [], "answers": [], "ended": None, "late": False}
    while reply["ended"] is None and not over:
        left = end - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            reply["late"] = True
            break
        part = os.read(descriptor, 2**16)
        over = not part or len(text) > LARGEST_REPLY
        text += part
        *lines, text = text.split(b"\n")
        for line in lines:
            take(line, secret, reply)
    return reply


def take(line: bytes, secret: str, reply: dict) -> None:
    """Add a line of a child to a reply, if it is the child's own."""
    try:
        said = json.loads(line)
        valid = isinstance(said, dict) and secrets.compare_digest(str(said.pop("secret")), secret)
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    if not valid:
        return
    if "notes" in said:
        reply["notes"] = said["notes"]
    elif "ended" in said:
        reply["ended"] = said["ended"]
    else:
        reply["answers"].append(said)


def once() -> None:
    """Run the one task of stdin in this process; the reply is the last line of stdout."""
    task = json.loads(sys.stdin.buffer.readline())
    replies = os.dup(1)
    child.silence()
    snapshot = preload()
    limits, folder = Limits(**task["limits"]), os.getcwd()
    os.write(replies, b'{"ready": true}\n')
    if sys.platform != "win32":
        os.setsid()
        containment.limit(limits, own_namespace=False)
    set_threads(task["threads"])
    refuse(task["hidden"], folder)
    child.run_check(task, snapshot, Pipe(replies, task["secret"]))
    os._exit(0)


if __name__ == "__main__":
    once() if sys.argv[1:] == ["once"] else serve()
