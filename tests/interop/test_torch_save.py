"""What mt.save writes for PyTorch comes back whole, here and there, and nothing else is written."""

import io
import struct
from collections import OrderedDict

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim
from tests.interop.test_torch_file import assert_same

DTYPES = ["float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.pth"


def tensors():
    x = mt.arange(24, dtype=mt.float32).reshape(2, 3, 4)
    return {
        "dtypes": [x.to(getattr(mt, name if name != "bool" else "bool_")) for name in DTYPES],
        "views": (x.permute(2, 0, 1), x[:, 1:, ::2], x[1, 2, 3], x[:0], x[0, 0, :1].expand(5, 4)),
        "learned": [nn.Parameter(mt.ones(2)), nn.Parameter(mt.ones(2), requires_grad=False)],
        "leaf": mt.ones(3, requires_grad=True),
    }


PLAIN = {
    "numbers": [0, -1, 255, 2**31, -(2**40), 2**100, 0.5, float("inf"), True, False, None],
    "text": ["", "größe 猫", "x" * 300],
    "keys": {1: "a", "1": "b", None: 3, 2.5: 4},
    "nested": OrderedDict(a=(1, (2,), ()), b=[[], {}], c=OrderedDict()),
}


def same(ours, again):
    """Equal types, nesting, dtypes, shapes and numbers."""
    assert type(again) is type(ours)
    if isinstance(ours, mt.Tensor):
        assert (again.dtype, again.shape) == (ours.dtype, ours.shape)
        assert again.requires_grad == ours.requires_grad
        np.testing.assert_array_equal(again.detach().numpy(), ours.detach().numpy())
    elif isinstance(ours, dict):
        assert list(again) == list(ours)
        for key in ours:
            same(ours[key], again[key])
    elif isinstance(ours, list | tuple):
        assert len(again) == len(ours)
        for a, b in zip(ours, again, strict=True):
            same(a, b)
    else:
        assert again == ours


@pytest.mark.parametrize("name", ["a.pth", "a.pt", "a.pth.tar", "a.ckpt", "a"])
def test_what_is_written_comes_back(tmp_path, name):
    value = tensors() | PLAIN
    mt.save(value, tmp_path / name)
    same(value, mt.load(tmp_path / name))


def test_pytorch_reads_it_without_running_anything(path):
    torch = pytest.importorskip("torch")
    value = tensors() | PLAIN
    mt.save(value, path)
    assert_same(value, torch.load(path, weights_only=True))


def test_memory_that_tensors_share_is_shared_in_the_file(path):
    """Views of one array, a tensor that is there twice, and what is alone is copied alone."""
    whole = mt.zeros(1000)
    value = {"a": whole[:3], "b": whole[2:6].reshape(2, 2), "twice": [whole[:1]] * 2}
    value["alone"] = mt.zeros(100_000)[::2][:2]
    mt.save(value, path)
    assert path.stat().st_size < 10_000
    again = mt.load(path)
    assert again["twice"][0] is again["twice"][1]
    with mt.no_grad():
        again["a"][2] = 5.0
    assert again["b"].tolist() == [[5, 0], [0, 0]] and again["alone"].tolist() == [0, 0]
    torch = pytest.importorskip("torch")
    theirs = torch.load(path, weights_only=True)
    theirs["a"][2] = 5
    assert theirs["b"].tolist() == [[5, 0], [0, 0]]


def test_containers_that_are_there_twice_stay_one_object_and_may_hold_themselves(path):
    inner = {"x": mt.ones(1)}
    value = [inner, inner]
    value.append(value)
    mt.save(value, path)
    again = mt.load(path)
    assert again[0] is again[1] and again[2] is again


def test_a_checkpoint_of_training_goes_on_as_if_never_stopped(path):
    def step(model, optimizer):
        optimizer.zero_grad()
        (model(mt.ones(4, 3)) ** 2).sum().backward()
        optimizer.step()

    mt.manual_seed(0)
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    step(model, optimizer)
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
    mt.save(state, path)
    found = mt.load(path, map_location="cpu", weights_only=True)
    second = optim.SGD(other.parameters(), lr=0.5)
    other.load_state_dict(found["model"])
    second.load_state_dict(found["optimizer"])
    step(model, optimizer)
    step(other, second)
    assert mt.equal(model.weight, other.weight) and found["epoch"] == 3


def test_numbers_and_arrays_of_numpy_become_pythons_and_tensors(path):
    mt.save({"n": np.float64(1.5), "i": np.int32(3), "b": np.bool_(True), "a": np.arange(3)}, path)
    found = mt.load(path)
    assert [type(found[k]) for k in "nib"] == [float, int, bool]
    assert isinstance(found["a"], mt.Tensor) and found["a"].tolist() == [0, 1, 2]
    mt.save(np.arange(3, dtype=">i4"), path)
    assert mt.load(path).tolist() == [0, 1, 2]


def test_the_same_object_gives_the_same_bytes(path):
    mt.save(tensors() | PLAIN, path)
    first = path.read_bytes()
    mt.save(tensors() | PLAIN, path)
    assert path.read_bytes() == first


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_open_files_are_written_and_read_from_where_they_are(tmp_path, ending):
    state = {"w": mt.arange(3)}
    buffer = io.BytesIO()
    buffer.write(b"before")
    mt.save(state, buffer)
    buffer.seek(6)
    assert mt.load(buffer)["w"].tolist() == [0, 1, 2]
    mt.save(state, tmp_path / f"a{ending}")
    with open(tmp_path / f"a{ending}", "rb") as file:
        assert mt.load(file)["w"].tolist() == [0, 1, 2]


class Thing:
    pass


WRONG = {
    "a module": (nn.ReLU(), TypeError, r"of a ReLU save its state_dict\(\)"),
    "a module inside": ({"model": [nn.ReLU()]}, TypeError, r"of a ReLU save its state_dict\(\)"),
    "an object": ({"x": Thing()}, TypeError, "obj holds a Thing; it may hold Tensors"),
    "a set": ({1, 2}, TypeError, "obj holds a set"),
    "bytes": (b"x", TypeError, "obj holds a bytes"),
    "a complex number": (1j, TypeError, "obj holds a complex"),
    "a tuple as a key": ({(1, 2): 3}, TypeError, r"the key \(1, 2\) must be text, a number"),
    "complex arrays": (np.zeros(2, complex), TypeError, "dtype=complex128 must be one of"),
    "a huge number": (2**3000, ValueError, "an integer of 3001 bits is too long"),
}


@pytest.mark.parametrize("value, error, reason", WRONG.values(), ids=WRONG)
def test_what_cannot_be_stored_is_refused_before_a_file_appears(path, value, error, reason):
    with pytest.raises(error, match=f"^save: {reason}"):
        mt.save(value, path)
    assert list(path.parent.iterdir()) == []


def test_what_is_nested_too_deeply_is_refused(path):
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match=r"^save: obj is nested too deeply"):
        mt.save(value, path)


def test_arguments_that_cannot_be_are_refused(path):
    for call, reason in (
        (lambda: mt.save({}, path, {"a": "b"}), r"save: metadata goes with a path .*\.safetensors"),
        (lambda: mt.save({}, 3), "save: f must be a path or an open binary file, got int"),
        (lambda: mt.load(path, map_location=lambda s, d: 3), "load: map_location=.* must be the"),
        (lambda: mt.load(path, weights_only="yes"), "load: weights_only='yes' must be True or"),
        (
            lambda: mt.load(io.StringIO("x")),
            "load: f must be a file that is open for reading bytes",
        ),
    ):
        with pytest.raises(TypeError, match=f"^{reason}"):
            call()


def test_an_open_file_that_is_something_else_is_refused(path):
    with pytest.raises(ValueError, match=r"^load: the open file is refused: it is empty"):
        mt.load(io.BytesIO())
    path.write_bytes(struct.pack("<I", 7))
    with (
        open(path, "rb") as file,
        pytest.raises(ValueError, match=r"^load: .*a\.pth is refused: it is of no kind known"),
    ):
        mt.load(file)
