"""A child or process that fails does not change the scores of the others."""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from minitorch_cnn.nas import Workers, workers
from minitorch_cnn.nas.workers import OutOfTime, one_thread_each, time_limit
from tests.nas.children import child, live

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")


def test_children_are_trained_by_processes_of_their_own():
    with Workers(live, 2, timeout=30) as pool:
        scores = dict(pool.run(enumerate([child("well"), child("raises"), child("well")])))
    assert sorted(scores) == [0, 1, 2]
    assert [scores[i].reward for i in range(3)] == [1, 0, 1]
    assert scores[1].failed == "ValueError: no luck"
    assert os.getpid() not in {scores[0].macs, scores[2].macs}


@posix
def test_a_child_that_takes_its_process_with_it_loses_its_own_reward_alone(tmp_path):
    ways = ["well", "dies", "well", "well", "well"]
    with Workers(live, 2, timeout=30) as pool:
        scores = dict(pool.run((i, child(way, tmp_path)) for i, way in enumerate(ways)))
    assert [scores[i].reward for i in range(5)] == [1, 0, 1, 1, 1]
    assert scores[1].failed == "its process died"


@posix
@pytest.mark.parametrize("count", [1, 2])
def test_a_child_whose_worker_was_killed_is_trained_again(tmp_path, count):
    ways = ["is killed", "well", "well"]
    with Workers(live, count, timeout=30) as pool:
        scores = dict(pool.run((i, child(way, tmp_path)) for i, way in enumerate(ways)))
    assert (tmp_path / "killed").exists()
    assert [scores[i][::4] for i in range(3)] == [(1, None)] * 3


@posix
@pytest.mark.parametrize("count, times", [(2, 3), (1, 3)])
def test_a_child_whose_workers_were_killed_again_and_again_keeps_its_reward(tmp_path, count, times):
    ways = [f"is killed {times}", "well"]
    with Workers(live, count, timeout=30) as pool:
        scores = dict(pool.run((i, child(way, tmp_path)) for i, way in enumerate(ways)))
    assert len(list(tmp_path.glob("killed*"))) == times
    assert [scores[i][::4] for i in range(2)] == [(1, None)] * 2


def test_too_little_memory_beside_others_is_no_fault_of_a_child(tmp_path):
    ways = ["finds memory alone", "finds no memory", "well"]
    with Workers(live, 2, timeout=30, executor=lambda: ThreadPoolExecutor(2)) as pool:
        scores = dict(pool.run((i, child(way, tmp_path)) for i, way in enumerate(ways)))
    assert [scores[i].reward for i in range(3)] == [1, 0, 1]
    assert scores[1].failed == "MemoryError: array of 9 GiB"


@posix
def test_a_child_that_takes_too_long_is_stopped_and_its_worker_goes_on():
    with Workers(live, 1, timeout=0.3) as pool:
        started = time.monotonic()
        scores = dict(pool.run(enumerate([child("well"), child("sleeps"), child("well")])))
    assert time.monotonic() - started < 20
    assert scores[1].reward == 0 and scores[1].failed == "it took longer than 0.3 seconds"
    assert scores[0].macs == scores[2].macs


@posix
def test_a_child_that_cannot_be_stopped_is_killed(monkeypatch):
    monkeypatch.setattr(workers, "GRACE", 5.0)
    started = time.monotonic()
    with Workers(live, 2, timeout=0.3) as pool:
        scores = dict(pool.run(enumerate([child("hangs"), child("well"), child("well")])))
    assert time.monotonic() - started < 40  # it would hang for 60
    assert [scores[i].reward for i in range(3)] == [0, 1, 1]
    assert scores[0].failed == "it took longer than 0.3 seconds"


def test_an_executor_that_is_given_does_the_work():
    with Workers(live, 2, timeout=30, executor=lambda: ThreadPoolExecutor(2)) as pool:
        scores = dict(pool.run(enumerate([child("well"), child("raises")])))
    assert scores[0].macs == os.getpid() and scores[1].failed == "ValueError: no luck"


def test_no_more_children_are_in_flight_than_there_are_workers():
    flying, most = set(), []

    class Counting(ThreadPoolExecutor):
        def submit(self, *args):
            future = super().submit(*args)
            flying.add(future)
            most.append(sum(not f.done() for f in flying))
            return future

    with Workers(live, 2, timeout=30, executor=lambda: Counting(4)) as pool:
        assert len(list(pool.run(enumerate([child("well")] * 20)))) == 20
    assert max(most) <= 2


def test_the_time_limit_ends_with_its_block():
    if not hasattr(__import__("signal"), "setitimer"):
        pytest.skip("no timer here")
    with time_limit(0.05):
        pass
    time.sleep(0.1)
    with pytest.raises(OutOfTime), time_limit(0.02):
        while True:
            time.sleep(0.001)


def test_the_environment_is_as_before_when_the_workers_are_done(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with one_thread_each():
        assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7" and "MKL_NUM_THREADS" not in os.environ


@pytest.mark.parametrize("bad", [{"count": 0}, {"timeout": 0}, {"timeout": -1.0}])
def test_numbers_out_of_range_are_refused(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"^Workers: {name}="):
        Workers(live, **{"count": 1, "timeout": 1, **bad})
