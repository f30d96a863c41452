"""Checkpoints round-trip, and no other file is accepted."""

import errno
import os

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.training import load_checkpoint, save_checkpoint


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint.safetensors"


def same(a, b) -> bool:
    """Whether two nested values are the same in every type and bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return a == b or (a != a and b != b)


def test_nested_values_come_back_as_they_were(path):
    state = {
        "weights": {"a.b": np.arange(3.0), "a": {"b": np.float16([1, 2])}},
        "by number": {0: {"momentum": np.zeros((2, 2)), "step": 3}, 1: {}},
        "pair": (0.9, 0.999),
        "list": [1, "two", None, True, [], {}, ()],
        "floats": [0.1, 1e-300, float("inf"), -0.0],
        "a large number": 2**127 - 1,
        "nan": float("nan"),
        "$tensor": "a name of our own",
    }
    save_checkpoint(path, state)
    assert same(load_checkpoint(path), state)


def test_tensors_and_numbers_of_numpy_come_back_as_arrays_and_numbers(path):
    save_checkpoint(path, {"t": mt.ones(2), "n": np.float32(0.1), "i": np.int64(3)})
    loaded = load_checkpoint(path)
    assert same(loaded, {"t": np.ones(2, np.float32), "n": float(np.float32(0.1)), "i": 3})


@pytest.mark.parametrize(
    "make",
    [
        lambda params: mt.optim.SGD(params, lr=0.1, momentum=0.9),
        lambda params: mt.optim.AdamW(params, lr=0.1, amsgrad=True),
        lambda params: mt.optim.RMSprop(params, lr=0.1, centered=True, momentum=0.5),
    ],
    ids=["SGD", "AdamW", "RMSprop"],
)
def test_an_optimizer_goes_on_from_a_file_with_the_same_bits(path, make):
    def steps(layer, optimizer, n):
        for i in range(n):
            layer.zero_grad()
            (layer(mt.ones(4, 3)) * (i + 1)).square().sum().backward()
            optimizer.step()

    mt.manual_seed(0)
    first, second = mt.nn.Linear(3, 2), mt.nn.Linear(3, 2)
    one = make(first.parameters())
    steps(first, one, 3)
    save_checkpoint(path, {"model": first.state_dict(), "optimizer": one.state_dict()})
    state = load_checkpoint(path)
    second.load_state_dict(state["model"])
    two = make(second.parameters())
    two.load_state_dict(state["optimizer"])
    for layer, optimizer in ((first, one), (second, two)):
        steps(layer, optimizer, 3)
    assert first.weight.array.tobytes() == second.weight.array.tobytes()


def test_what_cannot_be_stored_is_refused_by_its_place(path):
    with pytest.raises(TypeError, match=r"^save_checkpoint: model\.x\.1 is a set, which cannot"):
        save_checkpoint(path, {"model": {"x": [1, {2}]}})
    assert not path.exists()


def test_a_file_of_weights_is_no_checkpoint(path):
    mt.save({"x": mt.ones(2)}, path)
    with pytest.raises(ValueError, match=r"^load_checkpoint: .* is not a checkpoint"):
        load_checkpoint(path)


def test_a_truncated_checkpoint_is_refused(path):
    save_checkpoint(path, {"x": np.arange(100)})
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"^load: .*checkpoint\.safetensors .* not a whole"):
        load_checkpoint(path)


def test_a_disk_that_fills_up_leaves_the_previous_checkpoint(path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    save_checkpoint(path, {"step": 1})
    with monkeypatch.context() as patch, pytest.raises(OSError, match=r"No space left"):
        patch.setattr(os, "fsync", full)
        save_checkpoint(path, {"step": 2})
    assert load_checkpoint(path) == {"step": 1}


@pytest.mark.parametrize("name", ["checkpoint", "last.pth", "a.b.c", "last.ckpt"])
def test_a_checkpoint_may_have_any_name(tmp_path, name):
    save_checkpoint(tmp_path / name, {"a": np.arange(2.0), "b": 3})
    assert same(load_checkpoint(tmp_path / name), {"a": np.arange(2.0), "b": 3})
