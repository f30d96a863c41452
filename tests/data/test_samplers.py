"""Samplers: the order of an epoch."""

from collections import Counter

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.data import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)


def test_a_sequential_sampler_goes_in_order():
    sampler = SequentialSampler("abc")
    assert list(sampler) == [0, 1, 2] and len(sampler) == 3


@pytest.mark.parametrize("num_samples", [None, 1, 4, 10, 23, 30])
def test_random_draws_without_replacement_take_all_before_one_comes_again(num_samples):
    sampler = RandomSampler(range(10), num_samples=num_samples)
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == sampler.num_samples == (num_samples or 10)
    for start in range(0, len(drawn), 10):
        part = drawn[start : start + 10]
        assert len(set(part)) == len(part) and set(part) <= set(range(10))


def test_random_draws_with_replacement_are_even():
    counts = Counter(RandomSampler(range(5), replacement=True, num_samples=5000))
    assert set(counts) == set(range(5)) and min(counts.values()) > 800
    assert len(list(RandomSampler(range(5), replacement=True))) == 5


def test_a_subset_in_random_order_has_each_of_its_indices_once():
    sampler = SubsetRandomSampler([7, 3, 9, 100])
    orders = {tuple(sampler) for _ in range(50)}
    assert len(orders) > 5 and all(sorted(order) == [3, 7, 9, 100] for order in orders)
    assert len(sampler) == 4


@pytest.mark.parametrize("kind", [list, np.array, mt.tensor])
def test_weights_are_the_chances(kind):
    weights = [0.0, 1.0, 3.0, 0.0, 6.0]
    sampler = WeightedRandomSampler(kind(weights), 10_000)
    counts = Counter(sampler)
    assert len(sampler) == 10_000 and set(counts) == {1, 2, 4}
    for index, weight in enumerate(weights):
        # Five deviations of a binomial number.
        p = weight / 10
        assert abs(counts[index] - 10_000 * p) <= 5 * np.sqrt(10_000 * p * (1 - p))


def test_weighted_draws_without_replacement_differ():
    sampler = WeightedRandomSampler([1, 0, 5, 2], 3, replacement=False)
    firsts = Counter()
    for _ in range(400):
        drawn = list(sampler)
        assert sorted(drawn) == [0, 2, 3]
        firsts[drawn[0]] += 1
    assert firsts[2] > firsts[3] > firsts[0] > 0


@pytest.mark.parametrize("drop_last, sizes", [(False, [3, 3, 1]), (True, [3, 3])])
def test_a_batch_sampler_groups_what_a_sampler_gives(drop_last, sizes):
    sampler = BatchSampler(SequentialSampler(range(7)), 3, drop_last)
    assert [len(batch) for batch in sampler] == sizes and len(sampler) == len(sizes)
    assert [index for batch in sampler for index in batch] == list(range(sum(sizes)))


@pytest.mark.parametrize(
    "make",
    [
        lambda generator: RandomSampler(range(30), generator=generator),
        lambda generator: RandomSampler(range(30), True, 30, generator),
        lambda generator: SubsetRandomSampler(range(30), generator),
        lambda generator: WeightedRandomSampler(np.arange(30.0), 30, True, generator),
        lambda generator: WeightedRandomSampler(np.arange(31.0), 30, False, generator),
    ],
)
def test_the_generator_and_else_manual_seed_decide_the_draws(make):
    first, second = (list(make(np.random.default_rng(3))) for _ in range(2))
    assert first == second
    mt.manual_seed(3)
    assert list(make(None)) == first
    assert list(make(None)) != first


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: RandomSampler([1], replacement=1), TypeError, "RandomSampler: replacement=1"),
        (lambda: RandomSampler([1], num_samples=0), ValueError, "RandomSampler: num_samples=0"),
        (lambda: RandomSampler([1], num_samples=2.0), ValueError, "RandomSampler: num_samples=2.0"),
        (
            lambda: list(RandomSampler([], num_samples=2)),
            ValueError,
            "RandomSampler: num_samples=2",
        ),
        (lambda: WeightedRandomSampler([1], 0), ValueError, "Weighted.*: num_samples=0"),
        (lambda: WeightedRandomSampler([1], True), ValueError, "Weighted.*: num_samples=True"),
        (lambda: WeightedRandomSampler([1], 1, None), TypeError, "Weighted.*: replacement=None"),
        (lambda: WeightedRandomSampler([[1]], 1), ValueError, r"Weighted.*: .* shape \(1, 1\)"),
        (lambda: WeightedRandomSampler([], 1), ValueError, "Weighted.*: weights must be finite"),
        (lambda: WeightedRandomSampler([1, -1], 1), ValueError, "Weighted.*: weights must be fin"),
        (lambda: WeightedRandomSampler([0, 0], 1), ValueError, "Weighted.*: weights must be fin"),
        (lambda: WeightedRandomSampler([np.nan], 1), ValueError, "Weighted.*: weights must be"),
        (
            lambda: WeightedRandomSampler([1, 0, 1], 3, False),
            ValueError,
            "Weighted.*: num_samples=3 without replacement must be at most the 2 weights",
        ),
        (lambda: BatchSampler([1], 0, False), ValueError, "BatchSampler: batch_size=0"),
        (lambda: BatchSampler([1], 1, 1), ValueError, "BatchSampler: drop_last=1"),
        (lambda: iter(Sampler()), NotImplementedError, "Sampler: __iter__ is not defined"),
    ],
)
def test_bad_arguments_are_refused(make, error, message):
    with pytest.raises(error, match=f"^{message}"):
        make()


def test_lengths_are_those_of_torch():
    theirs = pytest.importorskip("torch.utils.data")
    for size, batch, drop in [
        (7, 3, True),
        (7, 3, False),
        (6, 3, True),
        (2, 5, True),
        (2, 5, False),
    ]:
        ours = BatchSampler(range(size), batch, drop)
        assert len(ours) == len(theirs.BatchSampler(range(size), batch, drop))
        assert list(ours) == list(theirs.BatchSampler(range(size), batch, drop))
