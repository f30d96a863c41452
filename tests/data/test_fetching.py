"""Iterable data sets, and the workers that iterate over them."""

import itertools
import math

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.data import (
    ChainDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    get_worker_info,
    sample_generator,
)


class Stream(IterableDataset):
    """The numbers below `size`, divided among the workers."""

    def __init__(self, size, draw=False):
        self.size, self.draw = size, draw

    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        for number in range(first, self.size, step):
            yield (number, sample_generator().random()) if self.draw else number


class Whole(Stream):
    def __iter__(self):
        return iter(range(self.size))


class Infos(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        info = get_worker_info()
        return index, info.id, info.num_workers, info.seed % 1000, info.dataset is self


@pytest.mark.parametrize(
    "workers, count, drop_last",
    [("threads", n, drop) for n in (0, 1, 3) for drop in (False, True)] + [("processes", 2, True)],
)
def test_a_data_set_divided_among_the_workers_comes_once(workers, count, drop_last):
    loader = DataLoader(Stream(23), 4, num_workers=count, workers=workers, drop_last=drop_last)
    batches = [batch.tolist() for batch in loader]
    got = list(itertools.chain.from_iterable(batches))
    assert len(set(got)) == len(got)
    if drop_last:
        assert all(len(batch) == 4 for batch in batches)
    else:
        assert sorted(got) == list(range(23))


def test_a_data_set_that_is_not_divided_comes_from_every_worker():
    loader = DataLoader(Whole(5), 2, num_workers=2)
    assert [batch.tolist() for batch in loader] == [[0, 1], [0, 1], [2, 3], [2, 3], [4], [4]]


@pytest.mark.parametrize("size", [0, 1, 4, 9, 10, 23])
@pytest.mark.parametrize("workers", [1, 2, 3, 5])
def test_batches_come_in_the_order_of_torch(size, workers):
    """As PyTorch's rule: the workers that have some left take turns."""
    parts = [list(range(w, size, workers)) for w in range(workers)]
    queues = [[part[i : i + 2] for i in range(0, len(part), 2)] for part in parts]
    expected = [q.pop(0) for _ in range(size + 1) for q in queues if q]
    loader = DataLoader(Stream(size), 2, num_workers=workers)
    assert [batch.tolist() for batch in loader] == expected


@pytest.mark.parametrize("count", [0, 2])
def test_random_numbers_of_the_workers_repeat(count):
    loader = DataLoader(Stream(12, draw=True), 3, num_workers=count)
    epochs = []
    for _ in range(2):
        mt.manual_seed(4)
        epochs.append([draws.tolist() for _ in range(2) for _, draws in loader])
    assert epochs[0] == epochs[1]
    assert len({number for draws in epochs[0] for number in draws}) == 24


def test_an_epoch_over_an_iterable_goes_on_where_it_was():
    mt.manual_seed(1)
    loader = DataLoader(Stream(12, draw=True), 3)
    iterator = iter(loader)
    got = [next(iterator)[1].tolist()]
    state = loader.state_dict()
    expected = got + [draws.tolist() for _, draws in iterator]
    resumed = DataLoader(Stream(12, draw=True), 3)
    resumed.load_state_dict(state)
    assert got + [draws.tolist() for _, draws in resumed] == expected


def test_the_length_is_that_of_the_data_set_if_it_has_one():
    class Sized(Stream):
        def __len__(self):
            return self.size

    for size, batch, drop in [(7, 3, False), (7, 3, True), (6, 3, True), (7, None, False)]:
        length = math.floor if drop else math.ceil
        expected = length(size / (batch or 1))
        assert len(DataLoader(Sized(size), batch, drop_last=drop)) == expected
    with pytest.raises(TypeError, match="Stream: has no length"):
        len(DataLoader(Stream(3)))
    assert list(Stream(3)) == [0, 1, 2]


@pytest.mark.parametrize(
    "settings", [{"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}]
)
def test_an_iterable_has_its_own_order(settings):
    with pytest.raises(ValueError, match=r"^DataLoader: an IterableDataset and \w+ exclude"):
        DataLoader(Stream(3), **settings)


@pytest.mark.parametrize("workers", ["threads", "processes"])
def test_a_sample_knows_the_worker_that_loads_it(workers):
    loader = DataLoader(Infos(), 2, num_workers=3, workers=workers)
    rows = [list(zip(*(part.tolist() for part in batch), strict=True)) for batch in loader]
    # Batch k goes to worker k modulo 3.
    assert [{row[1] for row in batch} for batch in rows] == [{0}, {1}, {2}, {0}]
    assert all(row[2] == 3 and row[4] for batch in rows for row in batch)
    assert len({row[3] for batch in rows for row in batch}) == 3
    assert get_worker_info() is None


def test_chained_data_sets_follow_each_other():
    chained = ChainDataset([Stream(2), Stream(3)])
    assert list(chained) == [0, 1, 0, 1, 2]
    assert list(Stream(1) + Stream(2)) == [0, 0, 1]
    with pytest.raises(TypeError, match="Stream: has no length"):
        len(chained)
    with pytest.raises(TypeError, match=r"^ChainDataset: list must be an IterableDataset"):
        ChainDataset([[1, 2]])
    with pytest.raises(NotImplementedError, match="IterableDataset: __iter__ is not defined"):
        iter(IterableDataset())


def test_single_samples_come_one_by_one():
    assert list(DataLoader(Stream(3), None)) == [0, 1, 2]
    draws = list(DataLoader(Stream(3, draw=True), None, num_workers=2))
    assert [number for number, _ in draws] == [0, 1, 2]


class Ends(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        if index == 2:
            next(iter(()))
        return index


@pytest.mark.parametrize("count", [0, 1])
def test_a_sample_that_raises_stop_iteration_does_not_end_the_epoch_silently(count):
    with pytest.raises(RuntimeError, match="DataLoader: sample 2 raised StopIteration"):
        list(DataLoader(Ends(), num_workers=count))


class Globals(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        import random

        return np.random.rand(), random.random(), mt.rand(1).item()


def seed_numpy(worker):
    np.random.seed(worker)


def test_global_generators_repeat_in_processes():
    def epoch(**settings):
        mt.manual_seed(5)
        loader = DataLoader(Globals(), 2, workers="processes", **settings)
        return np.concatenate([np.stack([p.numpy() for p in batch]) for batch in loader], 1)

    one, two = epoch(num_workers=1), epoch(num_workers=2)
    np.testing.assert_array_equal(one, two)
    assert len(set(one.ravel())) == 18
    own = epoch(num_workers=1, worker_init_fn=seed_numpy)
    np.testing.assert_array_equal(own[0], np.random.RandomState(0).rand(6))


def test_the_random_functions_of_the_package_draw_from_the_stream_of_the_sample():
    class Drawn(Globals):
        def __getitem__(self, index):
            return mt.rand(2), mt.randn(1)

    epochs = []
    for count in (0, 1, 3):
        mt.manual_seed(6)
        loader = DataLoader(Drawn(), 2, num_workers=count)
        epochs.append([[part.tolist() for part in batch] for batch in loader])
    assert epochs[0] == epochs[1] == epochs[2]
