"""The Pareto front has all samples that no other dominates, and no others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitorch_cnn.nas import Sample, Score, best, pareto_front


def samples(pairs):
    """Samples with these (reward, macs); without macs they failed."""
    return [
        Sample(i, (i,), i, str(i), False, Score(r, macs, failed=None if macs else "no luck"))
        for i, (r, macs) in enumerate(pairs)
    ]


def test_a_network_that_costs_more_and_is_no_better_is_left_out():
    found = pareto_front(samples([(0.5, 10), (0.7, 30), (0.6, 40), (0.5, 20), (0.9, 50), (0.4, 9)]))
    assert [sample.number for sample in found] == [5, 0, 1, 4]


def test_of_those_alike_the_first_is_named_and_none_that_failed():
    assert [s.number for s in pareto_front(samples([(0, None), (0.5, 7), (0.5, 7)]))] == [1]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), min_size=1, max_size=12))
def test_each_sample_is_in_it_or_has_one_in_it_that_is_as_good_and_as_cheap(pairs):
    everything = samples(pairs)
    front = pareto_front(everything)
    for sample in everything:
        others = [s for s in front if s.score.reward >= sample.score.reward]
        assert any(s.score.macs <= sample.score.macs for s in others)
    rewards, macs = np.array([s.score[:2] for s in front]).T
    assert (np.diff(rewards) > 0).all() and (np.diff(macs) > 0).all()


def test_the_best_is_the_cheapest_of_those_with_the_highest_reward():
    assert best(samples([(0.9, 50), (0.9, 20), (0.5, 1), (0, None)])).number == 1
    with pytest.raises(ValueError, match=r"^best: "):
        best(samples([(0, None)]))
