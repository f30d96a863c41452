"""Kernels on the thread pool: every item is computed once, on all threads, for any caller."""

import os
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

from minitorch_cnn.kernels import set_num_threads, thread_pool, threads
from minitorch_cnn.kernels.jit import kernel
from minitorch_cnn.kernels.thread_pool import shared
from minitorch_cnn.kernels.threads import MIN_ELEMENTS, parallel_for, parallel_ranges

ROOT = Path(__file__).parents[2]


pytestmark = pytest.mark.usefixtures("three_threads")


@kernel
def count_items(work, times, ranks, pool, first, last):
    """times[i] += 1 and ranks[i] = the thread, with some work for each item."""
    if shared(pool, first, last):
        return
    for i in range(first, last):
        total = 0.0
        for k in range(work):
            total += np.sqrt(i + k)
        times[i] += 1 if total >= 0 else 2
        ranks[i] = -pool


def run(items, work=100, size=2 * MIN_ELEMENTS):
    times, ranks = np.zeros((2, items), np.int64)
    parallel_ranges(count_items, items, size, work, times, ranks)
    return times, ranks


@pytest.mark.parametrize("items", [0, 1, 2, 11, 12, 13, 1000])
def test_each_item_is_computed_once(items):
    for _ in range(50):
        times, ranks = run(items)
        assert (times == 1).all()
        assert ((ranks >= 0) & (ranks < 3)).all()


def meet_workers():
    """Run kernels until every thread has taken part."""
    seen = set()
    deadline = time.monotonic() + 30
    while seen != {0, 1, 2} and time.monotonic() < deadline:
        seen |= set(run(100, work=20_000)[1].tolist())
    assert seen == {0, 1, 2}


def let_workers_fall_asleep():
    run(100)
    deadline = time.monotonic() + 30
    while not all(worker.asleep for worker in threads._pool.workers):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_workers_take_part():
    meet_workers()


def test_sleeping_workers_are_woken():
    let_workers_fall_asleep()
    meet_workers()


def test_small_work_and_work_within_a_task_stay_on_their_thread():
    assert (run(100, size=MIN_ELEMENTS - 1)[1] == 0).all()
    results = []
    parallel_for(lambda _: results.append(run(100, work=5000)), 6)
    assert len(results) == 6
    assert all((times == 1).all() and (ranks == 0).all() for times, ranks in results)


def test_small_work_wakes_few_workers():
    let_workers_fall_asleep()
    for _ in range(20):
        run(100, size=MIN_ELEMENTS)
        assert threads._pool.workers[1].asleep


def test_only_threads_with_scratch_memory_take_part():
    seen = set()
    for _ in range(100):
        times, ranks = np.zeros((2, 100), np.int64)
        parallel_ranges(count_items, 100, 2 * MIN_ELEMENTS, 5000, times, ranks, threads=2)
        assert (times == 1).all()
        seen |= set(ranks.tolist())
    assert seen == {0, 1}


def test_one_thread_has_no_pool():
    set_num_threads(1)
    assert (run(1000)[1] == 0).all()
    assert threads._pool is None


def test_several_python_threads_may_call_at_once():
    wrong = []

    def caller():
        for _ in range(200):
            times, _ = run(37)
            if not (times == 1).all():
                wrong.append(times)

    callers = [threading.Thread(target=caller) for _ in range(4)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join(timeout=60)
        assert not thread.is_alive()
    assert not wrong


def test_tasks_and_kernels_take_turns():
    for _ in range(100):
        done = []
        parallel_for(done.append, 5)
        assert sorted(done) == list(range(5))
        assert (run(20)[0] == 1).all()


@kernel(allocates=True)
def fail_elsewhere(ranks, size, pool, first, last):
    if shared(pool, first, last):
        return
    for i in range(first, last):
        ranks[i] = len(np.empty(size))  # 2^60 elements: more than any machine has


def test_a_worker_without_memory_raises_an_error():
    ranks = np.zeros(30)
    with pytest.raises(MemoryError, match="fail_elsewhere: no memory for the work of one of the"):
        parallel_ranges(fail_elsewhere, 30, MIN_ELEMENTS, ranks, 2**50)
    assert (run(20)[0] == 1).all()


@kernel
def come_late(times, pool, first, last):
    """times[i] += 1 after a delay, which is longer on a worker."""
    if shared(pool, first, last):
        return
    total = 1.0
    for k in range(20_000 if pool == 0 else 600_000):
        total = np.sqrt(total + k)
    for i in range(first, last):
        times[i] += 1 if total > 0 else 2


def test_the_caller_waits_for_the_pieces_that_workers_have_begun():
    for _ in range(30):
        times = np.zeros(12)
        parallel_ranges(come_late, 12, MIN_ELEMENTS, times)
        assert (times == 1).all()


@pytest.mark.parametrize("end", ["pass", "raise SystemExit(0)"])
def test_workers_have_ended_when_a_program_ends(end):
    code = f"""
import atexit, os, threading

def check():
    os._exit(7 if threading.active_count() == 1 else 8)

atexit.register(check)  # what is registered later runs first
from tests.kernels.test_thread_pool import run
from minitorch_cnn.kernels import set_num_threads
set_num_threads(3)
run(100)
{end}
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60).returncode == 7


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_starts_its_own_pool():
    code = """
import os, sys
from tests.kernels.test_thread_pool import run
from minitorch_cnn.kernels import set_num_threads
set_num_threads(3)
run(100)
child = os.fork()
if child == 0:
    seen = set()
    while seen != {0, 1, 2}:
        seen |= set(run(100, work=20_000)[1].tolist())
    os._exit(7)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60).returncode == 7


def test_the_arrays_of_finished_work_are_released():
    times, ranks = run(1000)
    gone = weakref.ref(times)
    del times, ranks
    assert gone() is None


@pytest.mark.parametrize("cores, crowded", [(2, 1), (3, 0)])
def test_a_pool_knows_whether_it_is_larger_than_the_cores(monkeypatch, cores, crowded):
    monkeypatch.setattr(threads, "usable_cores", lambda: cores)
    set_num_threads(3)  # a new pool
    times, _ = run(1000)
    assert (times == 1).all()
    assert threads._pool.state[thread_pool.CROWDED] == crowded
    assert (run(1000)[0] == 1).all()
