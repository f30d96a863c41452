"""A second process compiles ahead: when it is started, what it is told, and how it ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("numba")

from minitorch_cnn.kernels import ahead, jit

STARTED = """if True:
    import numpy as np
    from minitorch_cnn.kernels import ahead, set_num_threads, warm
    set_num_threads(1)
    ahead.usable_cores = lambda: 2
    warm.TASKS["relu"][1]()
    process = ahead._process
"""


@pytest.fixture
def undecided(monkeypatch):
    """This process before its first kernel, and the processes that it starts."""
    started = []
    monkeypatch.setattr(ahead, "_decided", False)
    monkeypatch.setattr(ahead, "_start", lambda: started.append(1))
    monkeypatch.setattr(ahead, "usable_cores", lambda: 2)
    monkeypatch.setattr(jit, "has_limited_memory", lambda: False)
    return started


def run(code: str, folder, **settings) -> subprocess.CompletedProcess:
    command = [sys.executable, "-W", "error", "-c", STARTED + code]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, **settings
    )


def is_running(process: int) -> bool:
    """Whether a process lives, and is no zombie whose parent has ended."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (OSError, ValueError):
        return False


def test_cases_met_before_the_first_kernel_are_told_at_the_start(monkeypatch):
    told = []
    monkeypatch.setattr(ahead, "_decided", False)
    monkeypatch.setattr(ahead, "_met", ahead.deque(maxlen=2))
    monkeypatch.setattr(ahead, "_process", None)
    monkeypatch.setattr(ahead, "_tell", told.append)
    monkeypatch.setattr(ahead, "_can_start", lambda: True)
    monkeypatch.setattr(ahead, "usable_cores", lambda: 2)
    monkeypatch.setattr(subprocess, "Popen", lambda *command, **settings: "a process")
    monkeypatch.setattr(ahead.atexit, "register", lambda function: None)
    for case in "abc":
        ahead.expect(case)
    assert told == []
    ahead.begin(True)
    ahead.expect("d")
    assert told == ["b", "c", "d"]
    monkeypatch.setattr(ahead, "_process", None)
    ahead.expect("e")
    assert told == ["b", "c", "d"] and list(ahead._met) == ["b", "c"]


def test_the_first_kernel_alone_decides(undecided):
    ahead.begin(False)
    ahead.begin(True)
    assert undecided == []


def test_a_missing_first_kernel_starts_one_process(undecided):
    ahead.begin(True)
    ahead.begin(True)
    assert undecided == [1]


@pytest.mark.parametrize("why", ["one core", "limited memory", "frozen", "no python", "declined"])
def test_none_is_started_where_it_cannot_help(undecided, monkeypatch, why):
    if why == "one core":
        monkeypatch.setattr(ahead, "usable_cores", lambda: 1)
    elif why == "limited memory":
        monkeypatch.setattr(jit, "has_limited_memory", lambda: True)
    elif why == "frozen":
        monkeypatch.setattr(sys, "frozen", True, raising=False)
    elif why == "no python":
        monkeypatch.setattr(sys, "executable", None)
    else:
        ahead.decline()
    ahead.begin(True)
    assert undecided == []


def test_a_system_without_processes_is_no_error(monkeypatch):
    def refuse(*args, **settings):
        raise PermissionError("no processes here")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(ahead, "_process", None)
    ahead._start()
    assert ahead._process is None


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at /proc")
def test_it_ends_with_the_first_process_and_leaves_no_warning(tmp_path):
    done = run("print(process.pid)", tmp_path)
    assert done.returncode == 0 and "Warning" not in done.stderr
    assert not is_running(int(done.stdout))


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at /proc")
def test_it_ends_if_the_first_process_is_killed(tmp_path):
    code = "print(process.pid, flush=True); import os; os.kill(os.getpid(), 9)"
    done = run(code, tmp_path)
    assert done.returncode == -signal.SIGKILL
    end = time.monotonic() + 10
    while is_running(int(done.stdout)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not is_running(int(done.stdout))


def test_a_forked_child_leaves_it_to_its_parent(tmp_path):
    code = """if True:
    import gc, os
    child = os.fork()
    if child == 0:
        gc.collect()
        os._exit(ahead._process is not None)
    assert os.waitpid(child, 0)[1] == 0
    assert ahead._process is process and process.poll() is None
    """
    done = run(code.replace("if True:\n    ", "", 1).replace("\n    ", "\n"), tmp_path)
    assert done.returncode == 0, done.stderr
