"""Copies and pickles: memory, attributes, gradients."""

import copy
import pickle

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.tensor import Tensor


def pickled(x):
    return pickle.loads(pickle.dumps(x))


DEEP = {
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": lambda x, protocol=protocol: pickle.loads(pickle.dumps(x, protocol))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


def transposed():
    return np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1)


LAYOUTS = {
    "whole": lambda: transposed().copy(),
    "0-d": lambda: np.array(3.5),
    "empty": lambda: np.ones((2, 0)),
    "an empty end": lambda: np.arange(6.0)[6:],
    "a row": lambda: transposed()[1],
    "every second": lambda: np.arange(10.0)[1::2],
    "backward": lambda: np.arange(10.0)[::-3],
    "transposed": transposed,
    "Fortran": lambda: np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "permuted memory": lambda: transposed().transpose(0, 2, 1).copy("K")[1:],
    "of bytes": lambda: np.frombuffer(bytearray(range(24)), np.float32, 5, 4),
    "expanded": lambda: np.broadcast_to(np.arange(3.0), (2, 3)),
    "integers": lambda: np.arange(4, dtype=np.int16)[1:],
    "booleans": lambda: np.array([True, False]),
}


@pytest.mark.parametrize("deep", DEEP)
@pytest.mark.parametrize("name", LAYOUTS)
def test_numbers_and_layout_stay_in_memory_of_its_own(name, deep):
    x = Tensor(LAYOUTS[name]())
    y = DEEP[deep](x)
    assert y.dtype == x.dtype and y.shape == x.shape and y.array.strides == x.array.strides
    np.testing.assert_array_equal(y.array, x.array)
    assert not np.shares_memory(x.array, y.array)
    assert y.array.flags.writeable == (name != "expanded")


@pytest.mark.parametrize("deep", DEEP)
def test_what_shares_memory_shares_it_in_the_copy(deep):
    base = mt.arange(6.0).reshape(2, 3).clone()
    other = Tensor(np.asfortranarray(np.ones((2, 3))))
    things = {
        "view": base[1],
        "base": base,
        "array": Tensor(base.array),
        "detached": base.detach(),
        "of fortran": [other.T, other],
        "parameters": (nn.Parameter(base), nn.Parameter(base.T)),
    }
    got = DEEP[deep](things)
    got["base"][1, 2] = 50.0
    got["of fortran"][0][0, 1] = 7.0
    assert got["view"].tolist() == [3, 4, 50] and got["array"][1, 2] == 50
    assert got["detached"][1, 2] == 50
    assert [p.tolist()[-1][-1] for p in got["parameters"]] == [50, 50]
    assert got["of fortran"][1].tolist() == [[1, 1, 1], [7, 1, 1]]
    assert base.tolist() == [[0, 1, 2], [3, 4, 5]] and (other == 1).all()
    assert got["detached"]._version == got["base"]._version == base._version + 1


@pytest.mark.parametrize("deep", DEEP)
def test_a_module_s_buffer_and_its_view_and_two_parameters_stay_together(deep):
    net = nn.Module()
    net.register_buffer("all", mt.zeros(4))
    net.register_buffer("part", net.all[1:3])
    net.a = nn.Parameter(mt.ones(2, 2))
    net.b = nn.Parameter(net.a.array)
    net.c = net.a
    implementation = DEEP[deep](net)
    implementation.part.fill_(3.0)
    with mt.no_grad():
        implementation.a.mul_(2)
    assert implementation.all.tolist() == [0, 3, 3, 0] and net.all.tolist() == [0] * 4
    assert (
        implementation.b.tolist() == [[2, 2], [2, 2]]
        and implementation.c is implementation.a
        and implementation.b is not implementation.a
    )
    assert net.b.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("deep", DEEP)
@pytest.mark.parametrize("kind", [Tensor, nn.Parameter])
def test_attributes_stay_and_gradients_of_plain_leaves(kind, deep):
    x = kind(np.ones(2), requires_grad=True)
    x.grad, x.note, x.itself = mt.ones(2, dtype=mt.float64), ["a"], x
    x.register_hook(lambda g: g * 2)
    y = DEEP[deep](x)
    assert type(y) is kind and y.requires_grad and y.is_leaf
    assert y.note == ["a"] and y.note is not x.note and y.itself is y
    if kind is Tensor and deep == "deepcopy":
        assert y.grad.tolist() == [1, 1] and y.grad is not x.grad
    else:
        assert y.grad is None
    (y * 3).sum().backward()
    assert y.grad.tolist() in ([3, 3], [4, 4])  # no hook has doubled it


def test_a_shallow_copy_is_another_tensor_on_the_same_memory():
    for x in (mt.ones(2, requires_grad=True), nn.Parameter(mt.ones(2))):
        x.grad, x.note = mt.ones(2), ["a"]
        y = copy.copy(x)
        assert type(y) is type(x) and y is not x and y.requires_grad
        assert y.array is x.array and y.note is x.note and y.grad is None
        with mt.no_grad():
            y.mul_(2)
        assert x.tolist() == [2, 2] and x._version == 1


@pytest.mark.parametrize(
    ("name", "copying"),
    [("copy", copy.copy), ("deepcopy", copy.deepcopy), ("pickle", pickle.dumps)],
)
def test_only_leaves_are_copied(name, copying):
    with pytest.raises(RuntimeError, match=rf"^{name}: only leaves can be"):
        copying(mt.ones(2, requires_grad=True) * 2)


def test_a_model_without_memory_is_copied_without_memory():
    with nn.shapes_only():
        net = nn.Linear(10**6, 10**6)
    for implementation in (copy.deepcopy(net), pickled(net)):
        assert implementation.weight.shape == (10**6, 10**6) and type(
            implementation.weight
        ) is type(net.weight)
        with pytest.raises(RuntimeError, match=r"read-only"), mt.no_grad():
            implementation.weight.zero_()


def test_a_write_to_a_copy_of_a_view_is_seen_by_what_saved_its_base():
    base = mt.ones(3)
    base.add_(1)
    implementation, part = copy.deepcopy([base, base[1:]])
    w = mt.ones(3, requires_grad=True)
    y = (w * implementation).sum()
    part.zero_()
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()
