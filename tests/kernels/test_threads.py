import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from minitorch_cnn.kernels import threads
from minitorch_cnn.kernels.threads import (
    MIN_ELEMENTS,
    get_num_threads,
    parallel_for,
    parallel_ranges,
    set_num_threads,
)

ROOT = Path(__file__).parents[2]


pytestmark = pytest.mark.usefixtures("three_threads")


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_each_block_is_computed_once(count):
    done = []
    parallel_for(done.append, count)
    assert sorted(done) == list(range(count))


def test_blocks_run_on_as_many_threads_as_are_set():
    meeting = threading.Barrier(3, timeout=10)
    parallel_for(lambda _: meeting.wait(), 3)
    set_num_threads(1)
    seen = set()
    parallel_for(lambda _: seen.add(threading.get_ident()), 20)
    assert seen == {threading.get_ident()}


def test_an_error_in_a_block_is_raised_and_the_rest_is_skipped():
    begun = []

    def task(block):
        begun.append(block)
        if block == 2:
            raise ZeroDivisionError("block 2")

    with pytest.raises(ZeroDivisionError, match="block 2"):
        parallel_for(task, 10_000)
    assert len(begun) < 10_000
    done = []
    parallel_for(done.append, 5)
    assert sorted(done) == list(range(5))


def test_a_parallel_for_within_a_block_stays_on_its_thread():
    seen = []

    def task(block):
        mine = threading.get_ident()
        parallel_for(lambda _: seen.append(threading.get_ident() == mine), 4)

    parallel_for(task, 6)
    assert seen == [True] * 24


def test_several_python_threads_share_the_pool():
    totals = [0] * 8

    def caller(k):
        for _ in range(20):
            done = []
            parallel_for(done.append, 7)
            totals[k] += len(done)

    callers = [threading.Thread(target=caller, args=(k,)) for k in range(8)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join(timeout=30)
    assert totals == [140] * 8


def test_no_caller_waits_for_a_busy_pool():
    release, inside = threading.Event(), threading.Semaphore(0)

    def stuck(_):
        inside.release()
        release.wait(10)

    other = threading.Thread(target=parallel_for, args=(stuck, 3))
    other.start()
    for _ in range(3):
        assert inside.acquire(timeout=10)
    done = []
    parallel_for(done.append, 4)
    assert sorted(done) == list(range(4))
    release.set()
    other.join()


def test_the_pool_is_reused():
    parallel_for(lambda _: time.sleep(0.001), 6)
    names = {thread.ident for thread in threading.enumerate() if thread.name.startswith("kernels")}
    parallel_for(lambda _: time.sleep(0.001), 6)
    after = {thread.ident for thread in threading.enumerate() if thread.name.startswith("kernels")}
    assert names and names == after


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_starts_its_own_pool():
    code = """
import os, sys, threading
from minitorch_cnn.kernels.threads import parallel_for, set_num_threads
set_num_threads(3)
parallel_for(lambda _: None, 6)
child = os.fork()
if child == 0:
    meeting = threading.Barrier(3, timeout=10)
    parallel_for(lambda _: meeting.wait(), 3)
    os._exit(7)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60)
    assert done.returncode == 7


def test_the_number_of_threads_is_an_int_of_at_least_one():
    assert get_num_threads() == 3
    with pytest.raises(ValueError, match="set_num_threads: count=0 must be at least 1"):
        set_num_threads(0)
    for wrong in (1.0, True, "2"):
        with pytest.raises(TypeError, match=r"set_num_threads: count=.* must be"):
            set_num_threads(wrong)
    threads._num_threads = 0
    assert 1 <= get_num_threads() <= os.cpu_count()


def test_the_pool_is_created_on_first_use():
    code = "import threading, minitorch_cnn.kernels.conv2d\nassert threading.active_count() == 1"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_results_do_not_depend_on_the_number_of_threads():
    pytest.importorskip("numba")
    from minitorch_cnn.kernels import Window, use
    from minitorch_cnn.kernels.conv2d import conv2d_forward, conv2d_weight_grad

    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 16, 40, 40), dtype=np.float32)
    w = rng.standard_normal((32, 16, 3, 3), dtype=np.float32)
    gy = rng.standard_normal((3, 32, 40, 40), dtype=np.float32)
    window = Window(3, padding=1)
    with use("numba"):
        results = []
        for count in (1, 2, 5):
            set_num_threads(count)
            results.append((conv2d_forward(x, w, window), conv2d_weight_grad(x, gy, window)))
    for y, gw in results[1:]:
        assert np.array_equal(y, results[0][0]) and np.array_equal(gw, results[0][1])


def interrupted(call, moment):
    """Whether an interrupt at that moment, of those in which Python looks for signals, hit a call.

    They are the beginnings of functions and the returns from them; counted within threads.py.
    """
    seen = 0

    def look(frame, event, _):
        nonlocal seen
        # What a frame returns is no moment of its own: it comes after the call in the frame above.
        if frame.f_code.co_filename == threads.__file__ and event in ("call", "c_return"):
            seen += 1
            if seen == moment:
                sys.setprofile(None)
                raise KeyboardInterrupt

    sys.setprofile(look)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return False


@pytest.mark.parametrize(
    "call",
    [
        lambda: parallel_for(lambda _: None, 6),
        lambda: parallel_ranges(lambda *_: None, 6, 2 * MIN_ELEMENTS),
    ],
    ids=["parallel_for", "parallel_ranges"],
)
def test_an_interrupt_at_any_moment_leaves_the_pool_free(call):
    pytest.importorskip("numba")
    call()
    moment = 1
    while interrupted(call, moment):
        moment += 1
        meeting = threading.Barrier(3, timeout=10)
        parallel_for(lambda _, meeting=meeting: meeting.wait(), 3)
        assert not threads._pool.taken
    assert moment > 8
