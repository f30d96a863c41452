"""One process compiles a kernel; others wait for its file."""

import os
import subprocess
import sys
import threading
import time

import pytest

from minitorch_cnn.kernels import turns

pytest.importorskip("fcntl")


@pytest.fixture
def path(tmp_path):
    yield tmp_path / "kernel.nbc"
    turns.give(tmp_path / "kernel.nbc")


def in_another_process(path, then: str) -> subprocess.Popen:
    """A process that has taken the turn, and has said so."""
    code = f"""if True:
        import sys, pathlib
        from minitorch_cnn.kernels import turns
        turns.take(pathlib.Path({str(path)!r}))
        print("taken", flush=True)
        sys.stdin.readline()
        {then}
    """
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "taken\n"
    return other


def test_the_first_does_not_wait_and_leaves_no_file(path):
    assert turns.take(path) is False
    assert turns.take(path) is False  # again, after an interrupt
    turns.give(path)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("then", ["turns.give(pathlib.Path(sys.argv[0]))", "raise SystemExit"])
def test_the_second_waits_until_the_first_is_done_or_has_ended(path, then):
    with in_another_process(path, then) as other:
        assert other.stdin is not None
        threading.Timer(0.1, other.stdin.close).start()
        begin = time.monotonic()
        assert turns.take(path) is True
        assert time.monotonic() - begin > 0.05


def test_nobody_waits_for_long_or_where_files_cannot_be_locked(path, monkeypatch):
    with in_another_process(path, "pass") as other:
        monkeypatch.setattr(turns, "PATIENCE", 0.05)
        assert turns.take(path) is True
        assert other.stdin is not None
        other.stdin.close()
    monkeypatch.setattr(os, "open", lambda *args: (_ for _ in ()).throw(PermissionError("no")))
    assert turns.take(path.with_name("other.nbc")) is False
