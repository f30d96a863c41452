"""Competitors take turns after untimed calls of their own, and ratios are medians over turns."""

import pytest

from benchmarks import timing


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves 20 milliseconds with each call of a function of `make`."""
    now, order = [0.0], []
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])

    def make(name):
        def call():
            now[0] += 0.02
            order.append(name)

        return call

    return make, order


def test_competitors_take_turns_each_after_calls_that_are_not_timed(clock):
    make, order = clock
    times = timing.interleaved({name: make(name) for name in "ab"}, repeats=2, budget=60)
    assert order == list("aaabbb") * 2  # two calls fill 30 milliseconds, and the third is timed
    assert times == {name: pytest.approx([0.02] * 2) for name in "ab"}


def test_behind_onnx_runtime_a_call_waits_until_its_threads_sleep(clock):
    make, order = clock
    timing.interleaved({name: make(name) for name in ("ours", "onnxruntime")}, 1, budget=60)
    assert order == ["ours"] * 6 + ["onnxruntime"] * 3  # 100 milliseconds, 30 milliseconds


def test_after_the_budget_no_turn_begins_but_the_third(clock):
    make, order = clock
    timing.interleaved({"a": make("a")}, repeats=9, budget=0.001)
    assert len(order) == 3 * 3


@pytest.mark.parametrize(("shares", "tries"), [([1, 1, 1], 1), ([1, 3, 3], 3), ([1, 1, 9], 1)])
def test_turns_that_others_disturb_are_taken_again(shares, tries, monkeypatch):
    seen = []
    monkeypatch.setattr(timing, "_turns", lambda *call: seen.append(call) or {"a": shares})
    assert timing.interleaved({"a": None}, 3, 1.0) == {"a": shares} and len(seen) == tries


def test_the_first_calls_are_timed_apart(clock):
    make, order = clock
    assert timing.warm_up({"a": make("a")}) == {"a": pytest.approx(0.02)} and order == ["a"]


def test_the_median_ratio_compares_turn_by_turn():
    assert timing.median_ratio([2.0, 9.0, 2.0], [1.0, 3.0, 2.0]) == 2.0
    assert timing.geometric_mean([2.0, 0.5]) == pytest.approx(1.0)


def test_the_ratio_is_to_the_rival_with_the_lowest_median():
    times = {"ours": [4.0, 4.0, 4.0], "a": [1.0, 9.0, 9.0], "b": [2.0, 2.0, 8.0]}
    assert timing.ratio_to_fastest(times, "ours", ["a", "b"]) == 2.0
