"""Batches on a device; for a GPU, a stand-in for CuPy records the calls."""

import sys
from collections import namedtuple
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.data import DataLoader, TensorDataset
from minitorch_cnn.data.transfer import map_tensors, transferred

Pair = namedtuple("Pair", "x y")


def loader(**settings):
    x = mt.arange(10.0).reshape(5, 2)
    return DataLoader(TensorDataset(x, mt.arange(5)), batch_size=2, **settings)


def test_batches_arrive_on_the_device_in_their_order():
    here = [[part.tolist() for part in batch] for batch in loader()]
    there = list(loader().batches_on("emulator"))
    assert {part.device for batch in there for part in batch} == {"emulator"}
    assert [[part.tolist() for part in batch] for batch in there] == here


def test_the_tensors_of_every_kind_of_batch_are_moved_and_nothing_else():
    t = mt.ones(2)
    batch = {"a": [t, "text"], "b": Pair(t, 3), "c": (t,)}
    moved = map_tensors(batch, lambda t: t * 2)
    assert moved["a"][1] == "text" and isinstance(moved["b"], Pair) and moved["b"].y == 3
    for part in (moved["a"][0], moved["b"].x, moved["c"][0]):
        assert part.tolist() == [2, 2]


def test_an_unknown_device_is_refused_before_the_epoch_begins():
    with pytest.raises(ValueError, match=r"^batches_on: device='moon' must be"):
        loader().batches_on("moon")


@pytest.fixture
def calls(monkeypatch):
    """What a transfer asks of CuPy, in its order; streams are "main" and "side"."""
    calls = []
    cupy = ModuleType("cupy")

    class ndarray:
        __module__ = "cupy"

        def __init__(self, shape, dtype):
            self.shape, self.dtype = shape, np.dtype(dtype)
            self.device = SimpleNamespace(id=1)

        def set(self, array, stream):
            self.copied = array
            calls.append((stream.name, "copy", array.ravel()[0].item()))

    class Event:
        def __init__(self, stream):
            self.stream = stream

        def synchronize(self):
            calls.append(("host", "waits for", self.stream.name))

    class Stream:
        def __init__(self, non_blocking, name="side"):
            self.name = name

        def record(self):
            return Event(self)

        def wait_event(self, event):
            calls.append((self.name, "waits for", event.stream.name))

        def synchronize(self):
            calls.append(("host", "waits for all of", self.name))

    class Device:
        def __init__(self, index):
            self.index = index

        def __enter__(self):
            assert self.index == 1

        def __exit__(self, *error):
            pass

        use = __enter__

    main = Stream(False, "main")
    cupy.empty = ndarray
    cupy.cuda = SimpleNamespace(
        Device=Device,
        Stream=Stream,
        get_current_stream=lambda: main,
        alloc_pinned_memory=lambda size: memoryview(bytearray(size)),
    )
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    return calls


def test_a_batch_travels_to_a_gpu_while_the_one_before_is_worked_on(calls):
    for batch in transferred([mt.tensor([k, k]) for k in range(3)], "cuda:1"):
        assert batch.device == "cuda:1"
        calls.append(("main", "works on", batch.array.copied[0].item()))
    assert calls == [
        ("side", "waits for", "main"),
        ("side", "copy", 0),
        ("side", "waits for", "main"),
        ("side", "copy", 1),
        ("main", "waits for", "side"),
        ("host", "waits for", "side"),
        ("main", "works on", 0),
        ("side", "waits for", "main"),
        ("side", "copy", 2),
        ("main", "waits for", "side"),
        ("host", "waits for", "side"),
        ("main", "works on", 1),
        ("main", "waits for", "side"),
        ("host", "waits for", "side"),
        ("main", "works on", 2),
        ("host", "waits for all of", "side"),
    ]


def test_a_loop_left_early_waits_for_the_copy_under_way_before_memory_is_reused(calls):
    epoch = transferred([mt.tensor([k]) for k in range(4)], "cuda:1")
    next(epoch)
    assert calls[-3][1:] != ("waits for all of", "side")
    epoch.close()
    assert calls[-1] == ("host", "waits for all of", "side")


def test_a_data_set_that_raises_leaves_no_copy_under_way(calls):
    def batches():
        yield mt.tensor([1])
        raise OSError("the file is gone")

    with pytest.raises(OSError, match="gone"):
        list(transferred(batches(), "cuda:1"))
    assert calls[-1] == ("host", "waits for all of", "side")


def test_batches_already_on_the_gpu_stay_and_no_batch_gives_none(calls):
    (batch,) = transferred([mt.tensor([1.0])], "cuda:1")
    calls.clear()
    assert next(transferred([batch], "cuda:1")) is batch
    assert ("side", "copy", 1) not in calls
    assert list(transferred([], "cuda:1")) == []


def test_the_place_in_an_epoch_counts_batches_handed_out_not_those_on_their_way(calls, monkeypatch):
    monkeypatch.setattr("minitorch_cnn.data.loader.check_device", lambda device, name: device)
    batches = loader()
    epoch = batches.batches_on("cuda:1")
    next(epoch)
    assert batches.state_dict()["batches"] == 1
    next(epoch)
    assert batches.state_dict()["batches"] == 2
