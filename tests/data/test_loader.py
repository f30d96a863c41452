"""DataLoader: batches, their order, and resuming within an epoch."""

import itertools
import json
import multiprocessing
import threading
import time

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    datasets,
    random_split,
    transforms,
)


class Recorder(Dataset):
    """Sample i is i; `asked` lists the indices asked for."""

    def __init__(self, size):
        self.size, self.asked = size, []

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        self.asked.append(index)
        return index


def augmented(size=26):
    """Images whose every sample draws random numbers."""
    chain = transforms.Compose(
        [transforms.RandomCrop(16, padding=2), transforms.ColorJitter(0.3, 0.3, 0.3)]
    )
    return datasets.Shapes(size, size=16, transform=chain)


def batches(loader):
    return [[part.numpy().copy() for part in batch] for batch in loader]


def flat(lists):
    return list(itertools.chain.from_iterable(lists))


def assert_same(ours, others):
    assert len(ours) == len(others)
    for batch, other in zip(ours, others, strict=True):
        for part, other_part in zip(batch, other, strict=True):
            np.testing.assert_array_equal(part, other_part)


@pytest.mark.parametrize(("drop_last", "sizes"), [(False, [4, 4, 2]), (True, [4, 4])])
def test_batches_cover_the_data_in_order(drop_last, sizes):
    loader = DataLoader(Recorder(10), batch_size=4, drop_last=drop_last)
    got = [batch.tolist() for batch in loader]
    assert [len(batch) for batch in got] == sizes and len(loader) == len(sizes)
    assert flat(got) == list(range(sum(sizes)))


def test_shuffling_visits_every_sample_once_and_in_another_order_each_epoch():
    loader = DataLoader(Recorder(50), batch_size=7, shuffle=True)
    first, second = (flat(batch.tolist() for batch in loader) for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second and first != sorted(first)


def test_the_same_manual_seed_gives_the_same_epochs():
    loader = DataLoader(augmented(), batch_size=8, shuffle=True)
    runs = []
    for _ in range(2):
        mt.manual_seed(3)
        runs.append(batches(loader) + batches(loader))
    assert_same(*runs)
    assert any(np.any(a != b) for a, b in zip(runs[0][0], runs[0][4], strict=True))


def test_a_generator_of_its_own_leaves_the_default_one_alone():
    mt.manual_seed(3)
    expected = mt.default_generator().random()
    mt.manual_seed(3)
    a, b = (
        DataLoader(Recorder(20), shuffle=True, batch_size=20, generator=np.random.default_rng(8))
        for _ in range(2)
    )
    assert next(iter(a)).tolist() == next(iter(b)).tolist()
    assert mt.default_generator().random() == expected


@pytest.mark.parametrize(
    ("workers", "num_workers"), [("threads", 1), ("threads", 2), ("threads", 5), ("processes", 2)]
)
def test_order_and_augmentation_do_not_depend_on_the_workers(workers, num_workers):
    dataset, epochs = augmented(), []
    for count in (0, num_workers):
        loader = DataLoader(dataset, 4, shuffle=True, num_workers=count, workers=workers)
        mt.manual_seed(11)
        epochs.append(batches(loader))
    assert_same(*epochs)


def test_augmentation_depends_on_the_position_and_not_on_the_batch_size():
    images = []
    for batch_size in (1, 5, 26):
        mt.manual_seed(2)
        loader = DataLoader(augmented(), batch_size, shuffle=True)
        images.append(np.concatenate([batch[0] for batch in batches(loader)]))
    np.testing.assert_array_equal(images[0], images[1])
    np.testing.assert_array_equal(images[0], images[2])


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("consumed", [0, 1, 3, 7])
def test_a_run_resumed_within_an_epoch_goes_on_as_if_never_interrupted(consumed, num_workers):
    dataset = augmented()

    def loader():
        return DataLoader(dataset, 4, shuffle=True, num_workers=num_workers)

    mt.manual_seed(5)
    whole = loader()
    expected = batches(whole) + batches(whole)

    mt.manual_seed(5)
    interrupted = loader()
    iterator = iter(interrupted)
    got = [[part.numpy().copy() for part in next(iterator)] for _ in range(consumed)]
    saved = json.loads(json.dumps([interrupted.state_dict(), mt.get_rng_state()]))
    iterator.close()

    mt.manual_seed(999)
    resumed = loader()
    resumed.load_state_dict(saved[0])
    mt.set_rng_state(saved[1])
    assert_same(got + batches(resumed) + batches(resumed), expected)


def test_resuming_does_not_load_the_batches_that_came_before():
    first = DataLoader(Recorder(40), 4, shuffle=True)
    iterator = iter(first)
    seen = [next(iterator).tolist() for _ in range(6)]
    dataset = Recorder(40)
    resumed = DataLoader(dataset, 4, shuffle=True)
    resumed.load_state_dict(first.state_dict())
    rest = [batch.tolist() for batch in resumed]
    assert len(dataset.asked) == 16
    assert sorted(flat(seen + rest)) == list(range(40))


def test_the_state_counts_the_batches_handed_out_not_those_loaded_ahead():
    dataset = Recorder(40)
    loader = DataLoader(dataset, 4, num_workers=2, prefetch_factor=3)
    iterator = iter(loader)
    next(iterator)
    assert loader.state_dict()["batches"] == 1
    iterator.close()
    assert len(dataset.asked) > 4


def test_after_a_whole_epoch_the_state_is_that_of_a_new_one():
    loader = DataLoader(Recorder(8), 4, shuffle=True)
    states = [loader.state_dict()["batches"] for _ in loader]
    assert states == [1, 2]
    assert (loader.state_dict()["seed"], loader.state_dict()["batches"]) == (None, 0)


def test_a_state_saved_after_the_last_batch_resumes_to_an_empty_rest_and_then_a_new_epoch():
    loader = DataLoader(Recorder(8), 4, shuffle=True)
    for _ in loader:
        state = loader.state_dict()
    loader.load_state_dict(state)
    assert list(loader) == []
    assert len(list(loader)) == 2


def test_breaking_off_an_epoch_starts_a_new_one():
    loader = DataLoader(Recorder(12), 4)
    assert [next(iter(loader)).tolist() for _ in range(2)] == [[0, 1, 2, 3]] * 2


def test_the_state_of_a_generator_passed_in_is_part_of_the_state():
    def loader():
        return DataLoader(Recorder(30), 5, shuffle=True, generator=np.random.default_rng(6))

    whole = loader()
    expected = [batch.tolist() for _ in range(2) for batch in whole]
    interrupted = loader()
    iterator = iter(interrupted)
    got = [next(iterator).tolist() for _ in range(4)]
    resumed = DataLoader(Recorder(30), 5, shuffle=True, generator=np.random.default_rng())
    resumed.load_state_dict(json.loads(json.dumps(interrupted.state_dict())))
    assert got + [batch.tolist() for _ in range(2) for batch in resumed] == expected


@pytest.mark.parametrize(
    "other",
    [
        DataLoader(Recorder(9), 4, True),
        DataLoader(Recorder(10), 5, True),
        DataLoader(Recorder(10), 4, False),
        DataLoader(Recorder(10), 4, True, drop_last=True),
    ],
)
def test_the_state_of_another_kind_of_loader_is_refused(other):
    loader = DataLoader(Recorder(10), 4, True)
    with pytest.raises(ValueError, match=r"^load_state_dict: \w+=.* must equal this loader's"):
        loader.load_state_dict(other.state_dict())


def test_a_collate_function_of_its_own_makes_the_batches():
    loader = DataLoader(Recorder(5), 2, collate_fn=sum, num_workers=1)
    assert list(loader) == [1, 5, 4]


def test_an_empty_data_set_has_no_batches():
    assert list(DataLoader(TensorDataset(np.zeros((0, 3))), 4, shuffle=True)) == []


def test_two_epochs_at_once_do_not_disturb_each_other():
    loader = DataLoader(Recorder(6), 2)
    assert [(a.tolist(), b.tolist()) for a, b in zip(loader, loader, strict=True)] == [
        ([0, 1], [0, 1]),
        ([2, 3], [2, 3]),
        ([4, 5], [4, 5]),
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size=0 must be an integer >= 1"),
        ({"batch_size": 2.5}, "batch_size=2.5"),
        ({"num_workers": -1}, "num_workers=-1 must be an integer >= 0"),
        ({"prefetch_factor": 0}, "prefetch_factor=0"),
        ({"prefetch_factor": 2}, "prefetch_factor=2 needs num_workers > 0"),
        ({"persistent_workers": True}, "persistent_workers=True needs num_workers > 0"),
        ({"timeout": 3}, "timeout=3 needs num_workers > 0"),
        ({"timeout": -1, "num_workers": 1}, "timeout=-1 must be at least 0"),
        (
            {"multiprocessing_context": "fork", "num_workers": 1, "workers": "processes"},
            "multiprocessing_context='fork' must be 'spawn' with",
        ),
        ({"multiprocessing_context": "thread", "num_workers": 1}, "multiprocessing_context='thre"),
        ({"multiprocessing_context": 3, "num_workers": 1}, "multiprocessing_context=3 must be"),
        ({"sampler": [1], "shuffle": True}, "sampler and shuffle exclude each other"),
        ({"batch_sampler": [[1]], "shuffle": True}, "batch_sampler and shuffle exclude"),
        ({"batch_sampler": [[1]], "sampler": [1]}, "batch_sampler and sampler exclude"),
        ({"batch_sampler": [[1]], "batch_size": 2}, "batch_sampler and batch_size exclude"),
        ({"batch_sampler": [[1]], "drop_last": True}, "batch_sampler and drop_last exclude"),
        ({"batch_size": None, "drop_last": True}, "drop_last=True needs a batch_size"),
        ({"workers": "fibers"}, r"workers='fibers' must be one of \['threads', 'processes'\]"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, message):
    with pytest.raises(ValueError, match=f"^DataLoader: {message}"):
        DataLoader(Recorder(4), **settings)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_sampler_gives_the_indices_and_a_batch_sampler_the_batches(num_workers):
    loader = DataLoader(Recorder(10), 3, sampler=[7, 1, 1, 9], num_workers=num_workers)
    assert [batch.tolist() for batch in loader] == [[7, 1, 1], [9]] and len(loader) == 2
    loader = DataLoader(Recorder(10), 3, sampler=[7, 1, 1, 9], drop_last=True)
    assert [batch.tolist() for batch in loader] == [[7, 1, 1]] and len(loader) == 1
    lists = [[3], [4, 5], [2, 2, 2]]
    loader = DataLoader(Recorder(10), batch_sampler=lists, num_workers=num_workers)
    assert [batch.tolist() for batch in loader] == lists and len(loader) == 3
    assert loader.batch_size is None and loader.batch_sampler is lists


def test_shuffling_is_a_random_sampler():
    dataset, epochs = Recorder(20), []
    for settings in (
        {"shuffle": True},
        {"sampler": RandomSampler(dataset)},
        {"sampler": SubsetRandomSampler(range(20))},
    ):
        mt.manual_seed(3)
        epochs.append([batch.tolist() for batch in DataLoader(dataset, 4, **settings)])
    mt.manual_seed(3)
    batches = BatchSampler(RandomSampler(dataset), 4, drop_last=False)
    epochs.append([batch.tolist() for batch in DataLoader(dataset, batch_sampler=batches)])
    assert all(epoch == epochs[0] for epoch in epochs)


def test_weighted_draws_balance_the_classes():
    labels = np.array([0] * 90 + [1] * 10)
    weights = (1 / np.bincount(labels))[labels]
    dataset = TensorDataset(labels)
    loader = DataLoader(dataset, 50, sampler=WeightedRandomSampler(weights, 2000))
    drawn = np.concatenate([batch[0].numpy() for batch in loader])
    assert len(drawn) == 2000 and 0.4 < drawn.mean() < 0.6


@pytest.mark.parametrize(
    "settings",
    [
        {"sampler": RandomSampler(range(20), replacement=True, num_samples=33)},
        {"sampler": WeightedRandomSampler(np.arange(20.0), 25)},
        {"batch_sampler": BatchSampler(SubsetRandomSampler(range(20)), 3, False), "batch_size": 1},
        {"batch_size": None, "shuffle": True},
    ],
)
@pytest.mark.parametrize("num_workers", [0, 2])
def test_an_epoch_of_a_sampler_repeats_and_goes_on_within(settings, num_workers):
    def loader():
        return DataLoader(Recorder(20), **{"batch_size": 4, **settings}, num_workers=num_workers)

    def numbers(batches):
        return [np.ravel(batch).tolist() for batch in batches]

    mt.manual_seed(8)
    expected = numbers(loader())
    mt.manual_seed(8)
    interrupted = loader()
    iterator = iter(interrupted)
    got = numbers(itertools.islice(iterator, 2))
    state = json.loads(json.dumps(interrupted.state_dict()))
    iterator.close()
    resumed = loader()
    resumed.load_state_dict(state)
    assert got + numbers(resumed) == expected and len(expected) == len(resumed)


def test_a_sampler_with_a_generator_of_its_own_has_no_state_within_an_epoch():
    sampler = RandomSampler(range(6), generator=np.random.default_rng(1))
    for settings in ({"sampler": sampler}, {"batch_sampler": BatchSampler(sampler, 1, False)}):
        loader = DataLoader(Recorder(6), **settings)
        loader.state_dict()
        iterator = iter(loader)
        next(iterator)
        with pytest.raises(ValueError, match=r"^state_dict: the loader's RandomSampler must draw"):
            loader.state_dict()


@pytest.mark.parametrize("num_workers", [0, 2])
def test_without_batches_samples_come_one_by_one(num_workers):
    dataset = datasets.Digits(train=False)
    loader = DataLoader(dataset, batch_size=None, num_workers=num_workers)
    assert len(loader) == len(dataset)
    image, label = next(iter(loader))
    assert isinstance(image, mt.Tensor) and image.shape == (1, 8, 8) and label == dataset[0][1]
    pairs = DataLoader(Recorder(3), None, collate_fn=lambda sample: (sample, "x"))
    assert list(pairs) == [(0, "x"), (1, "x"), (2, "x")]


@pytest.mark.parametrize("persistent", [False, True])
def test_workers_begin_with_their_function_and_are_kept_if_asked(persistent):
    begun = []

    class Threads(Recorder):
        def __getitem__(self, index):
            return threading.get_ident()

    loader = DataLoader(
        Threads(12),
        2,
        num_workers=3,
        worker_init_fn=lambda worker: begun.append((worker, threading.get_ident())),
        persistent_workers=persistent,
    )
    epochs = [set(np.concatenate([batch.numpy() for batch in loader])) for _ in range(2)]
    assert sorted(worker for worker, _ in begun) == sorted([0, 1, 2] * (1 if persistent else 2))
    assert {thread for _, thread in begun} == epochs[0] | epochs[1]
    if persistent:
        assert epochs[0] == epochs[1]
        threads = [t for t in threading.enumerate() if t.ident in epochs[0]]
        assert len(threads) == 3
        del loader
        for thread in threads:
            thread.join(5)
            assert not thread.is_alive()


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_persistent_workers_give_what_others_give(kind):
    dataset, runs = augmented(10), []
    for settings in ({}, {"num_workers": 2, "persistent_workers": True, "workers": kind}):
        mt.manual_seed(7)
        loader = DataLoader(dataset, 4, shuffle=True, **settings)
        next(iter(loader))  # an epoch that is broken off
        epochs = batches(loader)
        if kind == "threads":  # and two at once
            epochs += [[part.numpy() for part in b] for pair in zip(loader, loader) for b in pair]  # noqa: B905
        runs.append(epochs)
    assert_same(*runs)


def test_a_batch_that_takes_too_long_ends_the_epoch():
    class Slow(Recorder):
        def __getitem__(self, index):
            if index == 2:
                time.sleep(0.6)
            return index

    iterator = iter(DataLoader(Slow(6), num_workers=1, timeout=0.2, prefetch_factor=1))
    assert [next(iterator).item(), next(iterator).item()] == [0, 1]
    began = time.monotonic()
    with pytest.raises(RuntimeError, match=r"^DataLoader: timed out after timeout=0.2 s"):
        next(iterator)
    assert time.monotonic() - began < 0.5


def test_settings_that_change_no_result_are_taken():
    loader = DataLoader(Recorder(4), 2, None, None, None, 0, None, True, False, 0, None, "spawn")
    assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3]]


@pytest.mark.parametrize("iterable", [False, True])
def test_the_same_settings_exclude_each_other_as_in_torch(iterable):
    theirs = pytest.importorskip("torch.utils.data")
    order = {
        "shuffle": [None, False, True],
        "sampler": [None, [0, 1]],
        "batch_sampler": [None, [[0, 1]]],
        "batch_size": [1, 2, None],
        "drop_last": [False, True],
    }
    workers = {
        "prefetch_factor": [None, 2],
        "num_workers": [0, 1],
        "persistent_workers": [False, True],
    }
    settings = [
        dict(zip(group, values, strict=True))
        for group in (order, workers)
        for values in itertools.product(*group.values())
    ]
    members = {"__len__": lambda self: 2}
    if iterable:
        members["__iter__"] = lambda self: iter("ab")
    bases = (IterableDataset, theirs.IterableDataset) if iterable else (Dataset, theirs.Dataset)
    kinds = [type("Two", (base,), members) for base in bases]
    for chosen in settings:
        refused = []
        for loader, kind in zip((DataLoader, theirs.DataLoader), kinds, strict=True):
            try:
                loader(kind(), **chosen)
                refused.append(False)
            except ValueError:
                refused.append(True)
        assert refused[0] == refused[1], chosen


@pytest.mark.parametrize("name", ["batch_size", "shuffle", "sampler", "dataset", "drop_last"])
def test_what_a_loader_is_made_of_cannot_be_changed(name):
    loader = DataLoader(Recorder(4), 2)
    with pytest.raises(ValueError, match=rf"^DataLoader: {name} cannot be changed"):
        setattr(loader, name, getattr(loader, name))
    loader.collate_fn = list
    assert list(loader) == [[0, 1], [2, 3]]


@pytest.mark.parametrize(
    "make",
    [
        lambda generator: DataLoader(Recorder(4), generator=generator),
        lambda generator: RandomSampler([1], generator=generator),
        lambda generator: SubsetRandomSampler([1], generator),
        lambda generator: WeightedRandomSampler([1], 1, generator=generator),
        lambda generator: random_split([1], [1], generator),
    ],
)
def test_a_seed_is_no_generator(make):
    with pytest.raises(TypeError, match=r"^\w+: generator=3 must be a numpy.random.Generator"):
        make(3)


@pytest.mark.parametrize("context", ["spawn", "forkserver", multiprocessing.get_context("spawn")])
def test_what_pytorch_takes_for_speed_changes_nothing(context):
    settings = {
        "pin_memory": True,
        "pin_memory_device": "cuda",
        "in_order": False,
        "num_workers": 2,
        "prefetch_factor": 3,
        "persistent_workers": True,
        "multiprocessing_context": context,
    }
    data = TensorDataset(np.arange(7))
    got = [batch.tolist() for (batch,) in DataLoader(data, 2, **settings)]
    assert got == [[0, 1], [2, 3], [4, 5], [6]]
