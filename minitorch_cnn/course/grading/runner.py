"""runner: processes that run one check after the other, whatever students' code does in them.

ForkingRunner (Linux) keeps a server that has imported the package and forks; SpawningRunner starts
Python anew for each check, with a limit of time only. Both have run(task) -> Outcome and close().
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from . import containment
from .limits import Limits

START = 120.0  # seconds to start Python and import the package on a slow machine
KEPT = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH", "NUMBA_CACHE_DIR", "NUMBA_CPU_NAME", "XDG_CACHE_HOME", "LOCALAPPDATA",
        "USERPROFILE", "HOME", "VIRTUAL_ENV", "CUDA_VISIBLE_DEVICES")  # fmt: skip
ROOT = Path(__file__).parents[3]  # the folder of the package


@dataclasses.dataclass
class Outcome:
    """What became of a check. notes: what the process was not kept from."""

    right: bool
    line: str
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


def environment() -> dict[str, str]:
    """The variables of a process that runs students' code: no tokens, one thread for BLAS."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    home = os.path.expanduser("~")
    kept.setdefault("XDG_CACHE_HOME", os.path.join(home, ".cache"))
    path = [str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    path = [folder for folder in path if folder and os.path.isabs(folder)]
    single = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {
        **kept,
        **single,
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        "MPLBACKEND": "agg",
    }


class ForkingRunner:
    """A server process that forks for each check."""

    def __init__(self) -> None:
        self.process: subprocess.Popen | None = None
        self.folder = ""

    def start(self) -> subprocess.Popen:
        self.folder = tempfile.mkdtemp(prefix="minitorch-cnn-grading-")  # empty: nothing to import
        command = [sys.executable, "-m", "minitorch_cnn.course.grading.server"]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=environment(),
            start_new_session=True,
        )
        if not read_line(process, START):
            process.kill()
            assert process.stderr
            said = process.stderr.read().decode(errors="replace").strip().splitlines()
            raise RuntimeError(
                f"ForkingRunner: the process that grades does not start: {(said or ['?'])[-1]}"
            )
        return process

    def run(self, task: dict) -> Outcome:
        """Run one check. Raises: RuntimeError if no process can be started.

        If the server ends, which may be the system's doing, the check is run once more.
        """
        limits, took = Limits(**task["limits"]), 0.0
        for _ in range(2):
            if self.process is None:
                self.process = self.start()
            start = time.monotonic()
            line = self.ask(self.process, task, 2 * limits.seconds + START)
            took = time.monotonic() - start
            if line:
                return outcome(json.loads(line), limits, took)
            self.close()
        return Outcome(False, "no: it ended the process that grades it", took)

    def ask(self, process: subprocess.Popen, task: dict, seconds: float) -> bytes:
        """The line with which the server answers a task; b"" if it has ended."""
        try:
            assert process.stdin
            process.stdin.write(json.dumps(task).encode() + b"\n")
            process.stdin.flush()
            return read_line(process, seconds)
        except OSError:
            return b""

    def close(self) -> None:
        process, self.process = self.process, None
        if process:
            containment.kill_tree(process.pid)
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class SpawningRunner:
    """A new process for each check, where forks or namespaces are not to be had."""

    def run(self, task: dict) -> Outcome:
        """Run one check. Raises: RuntimeError if no process can be started."""
        limits, secret = Limits(**task["limits"]), secrets.token_hex(16)
        folder = tempfile.mkdtemp(prefix="minitorch-cnn-grading-")
        command = [sys.executable, "-m", "minitorch_cnn.course.grading.server", "once"]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment(),
        )
        try:
            assert process.stdin
            with contextlib.suppress(OSError):
                process.stdin.write(json.dumps({**task, "secret": secret}).encode() + b"\n")
                process.stdin.flush()
            if not read_line(process, START):
                raise RuntimeError("SpawningRunner: the process that grades does not start")
            start = time.monotonic()
            reply = self.receive(process, secret, min(2 * limits.seconds, limits.total))
            return outcome(reply, limits, time.monotonic() - start)
        finally:
            end(process)
            shutil.rmtree(folder, ignore_errors=True)

    def receive(self, process: subprocess.Popen, secret: str, seconds: float) -> dict:
        from .server import take

        reply: dict[str, Any] = {
            "notes": [containment.TIME_ONLY], "answers": [], "ended": None, "late": False
        }  # fmt: skip
        end, assigned = time.monotonic() + seconds, 0
        while (line := read_line(process, end - time.monotonic())) and assigned < 10_000:
            take(line, secret, reply)
            assigned += 1
            if reply["answers"]:
                return reply
        reply["late"] = time.monotonic() >= end
        if not reply["late"]:
            with contextlib.suppress(subprocess.TimeoutExpired):
                reply["ended"] = process.wait(5)
        return reply

    def close(self) -> None:
        """There is nothing to close: each process has ended with its check."""


def read_line(process: subprocess.Popen, seconds: float) -> bytes:
    """The next line of a process, or b"" if it has ended or the time is over."""
    found: list[bytes] = []
    assert process.stdout
    stream = process.stdout
    reader = threading.Thread(target=lambda: found.append(stream.readline(2**21)), daemon=True)
    reader.start()
    reader.join(max(0.0, seconds))
    return found[0] if found else b""


def end(process: subprocess.Popen) -> None:
    """End a process and what it has started."""
    if sys.platform == "win32":
        subprocess.run(
            ["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False
        )
    else:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            with contextlib.suppress(OSError):
                stream.close()


def outcome(reply: dict, limits: Limits, took: float) -> Outcome:
    """What a reply of the server means."""
    notes, ended = tuple(reply["notes"]), reply["ended"]
    if len(reply["answers"]) > 1:
        return Outcome(False, "no: it answers for the check", took, notes)
    if reply["answers"]:
        said = reply["answers"][0]
        return Outcome(bool(said["right"]), str(said["line"]), float(said["seconds"]), notes)
    if reply["late"] or ended in (-signal.SIGXCPU if hasattr(signal, "SIGXCPU") else 0,):
        return Outcome(False, f"no: it does not end within {limits.seconds:g} seconds", took, notes)
    if ended is not None and ended < 0:
        with contextlib.suppress(ValueError):
            name = signal.Signals(-ended).name
            if name == "SIGKILL" and took >= limits.seconds:
                line = f"no: it does not end within {limits.seconds:g} seconds"
                return Outcome(False, line, took, notes)
            return Outcome(False, f"no: it makes Python crash ({name})", took, notes)
    return Outcome(False, "no: it ends Python before the check is done", took, notes)


def new_runner() -> ForkingRunner | SpawningRunner:
    """The runner for this system."""
    return ForkingRunner() if sys.platform == "linux" else SpawningRunner()
