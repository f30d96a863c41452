"""A benchmark starts itself anew, once, with an allocator that keeps its memory."""

import os
import sys

import pytest

from benchmarks import allocator, instructions


@pytest.fixture
def started(monkeypatch):
    """The calls of execve."""
    calls = []
    monkeypatch.setattr(os, "execve", lambda *call: calls.append(call))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "orig_argv", ["python", "-W", "error", "-m", "benchmarks.conv", "--x"])
    for name in (*allocator.KEEP, *allocator.DROPPED):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MINITORCH_CNN_MACHINE", "")
    return calls


def test_it_starts_the_same_command_under_the_settings(started, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    allocator.restart()
    ((program, command, variables),) = started
    assert program == sys.executable
    assert command == [sys.executable, "-W", "error", "-m", "benchmarks.conv", "--x"]
    assert variables["MALLOC_MMAP_MAX_"] == "0" and "OPENBLAS_CORETYPE" not in variables
    assert variables["PATH"] == os.environ["PATH"]


def test_it_starts_once(started, monkeypatch):
    for name, value in allocator.KEEP.items():
        monkeypatch.setenv(name, value)
    assert allocator.keeps_memory()
    allocator.restart()
    assert not started


def test_settings_that_choose_a_kernel_of_blas_are_dropped(started, monkeypatch):
    for name, value in (allocator.KEEP | {"OPENBLAS_L2_SIZE": "1"}).items():
        monkeypatch.setenv(name, value)
    allocator.restart()
    assert "OPENBLAS_L2_SIZE" not in started[0][2]


def test_as_another_machine_all_libraries_are_restricted_to_its_instructions(started, monkeypatch):
    monkeypatch.setenv("MINITORCH_CNN_MACHINE", "avx2,l2=1M/8")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Zen")
    allocator.restart()
    variables = started[0][2]
    assert variables.items() >= instructions.VARIABLES["avx2"].items()
    assert variables["OPENBLAS_CORETYPE"] == "Haswell"
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    allocator.restart()
    assert len(started) == 1


def test_the_restrictions_hold_without_the_allocator(started, monkeypatch):
    monkeypatch.setenv("MINITORCH_CNN_MACHINE", "sse")
    allocator.restart({})
    assert started[0][2].items() >= instructions.VARIABLES["sse"].items()
    assert "MALLOC_MMAP_MAX_" not in started[0][2]


def test_where_there_is_no_such_allocator_nothing_happens(started, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    allocator.restart()
    assert not started and not allocator.keeps_memory()
