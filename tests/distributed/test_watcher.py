"""The process that names the rank that ended first."""

import os
import platform
import subprocess
import sys
import time

import pytest

from minitorch_cnn.distributed import watcher

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="handles are Linux's")

EXIT = {"x86_64": 60, "aarch64": 93}.get(platform.machine())  # the number of exit, for one thread
HALF = f"""
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
print("begun", flush=True)
ctypes.CDLL(None).syscall({EXIT}, 0)
"""


@pytest.fixture
def process():
    """Start a Python that runs code, and end it after the test."""
    started = []

    def start(code):
        started.append(subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def said(watching, capfd):
    watching.wait(20)
    watching.communicate()
    return capfd.readouterr().err


def test_the_rank_that_ended_is_named_and_no_other(process, capfd):
    sleeping, killed = (process("import time; time.sleep(60)") for _ in range(2))
    watching = watcher.start({0: sleeping.pid, 1: killed.pid})
    killed.kill()
    text = said(watching, capfd)
    assert f"rank 1 (process {killed.pid} on " in text and "ended first" in text
    assert "rank 0" not in text


@pytest.mark.skipif(EXIT is None, reason="the number of the system's call is not known here")
def test_a_rank_whose_threads_are_still_ending_is_named_beside_one_that_has_ended(process, capfd):
    """A launcher that sees the first end may kill the second before the first has ended whole."""
    ending, killed = process(HALF), process("import time; time.sleep(60)")
    watching = watcher.start({0: killed.pid, 1: ending.pid})
    assert ending.stdout.read(6) == b"begun\n"
    end = time.monotonic() + 20
    while not watcher.is_ending(ending.pid) and time.monotonic() < end:
        time.sleep(0.01)
    killed.kill()
    text = said(watching, capfd)
    assert f"rank 0 (process {killed.pid}" in text and f" or rank 1 (process {ending.pid}" in text


def test_ranks_that_end_in_order_are_not_named(process, capfd):
    sleeping = process("import time; time.sleep(60)")
    watching = watcher.start({0: sleeping.pid})
    watcher.stop(watching)
    assert watching.returncode == 0
    assert capfd.readouterr().err == ""
    assert not watcher.is_ending(os.getpid())
