"""Wait for other ranks: yield the core meanwhile, and name the ranks that are late.

A waiting rank answers questions of others. After REPORT seconds it asks all of them; those that do
not answer within ANSWER seconds are not waiting, and it names them. No rank has to take part in
this while it computes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

REPORT = 60.0  # seconds of waiting until the late ranks are named, and between two such reports
ANSWER = 2.0
SPIN = 0.05  # seconds for which a core is only yielded; then the rank sleeps between two looks
QUESTION, REPLY = 1, 2  # tags of messages


def wait(group: Any, done: Callable[[], bool], call: str) -> None:
    """Return as soon as done() is True. Raises: RuntimeError after the group's timeout."""
    began = time.monotonic()
    told = looked = began
    while not done():
        now = time.monotonic()
        time.sleep(0 if now - began < SPIN else 0.0005)
        if now - looked > 0.2:
            looked = now
            _answer(group, call)
        if now - began > group.timeout:
            raise RuntimeError(
                f"{call.partition('(')[0]}: rank {group.rank} has waited {now - began:.0f} s for "
                f"{_late(group, call, done)}, longer than the timeout"
            )
        if now - told > REPORT:
            told = now
            late = _late(group, call, done)
            print(
                f"minitorch_cnn: rank {group.rank} has waited {now - began:.0f} s in {call} for "
                f"{late}",
                file=sys.stderr,
                flush=True,
            )


def _answer(group: Any, call: str) -> None:
    """Tell whoever asks that this rank waits, and in which call."""
    status = group.MPI.Status()
    while group.control.iprobe(tag=QUESTION, status=status):
        asking = status.Get_source()
        group.control.recv(source=asking, tag=QUESTION)
        group.control.isend(call, asking, tag=REPLY)


def _late(group: Any, call: str, done: Callable[[], bool]) -> str:
    """Ask the other ranks, and name those that do not wait, or that wait in another call."""
    others = [rank for rank in range(group.size) if rank != group.rank]
    while group.control.iprobe(tag=REPLY):  # those of an earlier question
        group.control.recv(tag=REPLY)
    for rank in others:
        group.control.isend(None, rank, tag=QUESTION)
    waiting: dict[int, str] = {}
    status = group.MPI.Status()
    end = time.monotonic() + ANSWER
    while time.monotonic() < end and not done():
        _answer(group, call)
        while group.control.iprobe(tag=REPLY, status=status):
            waiting[status.Get_source()] = group.control.recv(source=status.Get_source(), tag=REPLY)
        time.sleep(0.01)
    late = [f"rank {rank}" for rank in others if rank not in waiting]
    elsewhere = [f"rank {r} in {text}" for r, text in sorted(waiting.items()) if text != call]
    return ", ".join(late + elsewhere) or "its messages"
