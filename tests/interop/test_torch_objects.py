"""Tensors of PyTorch's files: every view of a storage, every dtype, and nothing else."""

from collections import OrderedDict

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.interop import load_torch
from tests.interop.torch_writer import (
    Call,
    Name,
    Row,
    State,
    opcodes,
    tensor,
    write_stacked,
    write_zip,
)

NUMBERS = np.arange(24, dtype=np.float32)
ROW = Row("0", "FloatStorage", NUMBERS)

KINDS = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}


@pytest.fixture(params=[write_zip, write_stacked])
def read(request, tmp_path):
    """Write a value in one of the two formats and read it with load_torch."""

    def written_and_read(value):
        request.param(tmp_path / "a.pth", value)
        return load_torch(tmp_path / "a.pth")

    return written_and_read


def is_refused(read, value, reason):
    with pytest.raises(ValueError, match=rf"^load_torch: .*a\.pth is refused: .*{reason}"):
        read(value)


@pytest.mark.parametrize("kind, dtype", KINDS.items())
def test_every_dtype_comes_back_exactly(read, kind, dtype):
    numbers = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 127, 6).astype(dtype)
    x = read(tensor(Row("0", kind, numbers), (2, 3)))
    assert type(x) is mt.Tensor and x.dtype == numbers.dtype
    np.testing.assert_array_equal(x.numpy(), numbers.reshape(2, 3))


def test_bfloat16_becomes_the_same_number_in_float32(read, monkeypatch):
    monkeypatch.setattr(mt.dtypes, "has_bfloat16", lambda: False)
    bits = np.uint16([0x3F80, 0xC049, 0x0001, 0x7F80, 0x8000, 0x7F7F])
    x = read(tensor(Row("0", "BFloat16Storage", bits), (6,)))
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x.numpy().view(np.uint32), bits.astype(np.uint32) << 16)
    assert x.tolist()[:2] == [1, -3.140625]


@pytest.mark.parametrize(
    "size, stride, offset, expected",
    [
        ((2, 3), (3, 1), 0, NUMBERS[:6].reshape(2, 3)),
        ((2, 3), (3, 1), 18, NUMBERS[18:].reshape(2, 3)),
        ((6, 4), (1, 6), 0, NUMBERS.reshape(4, 6).T),
        ((2, 2, 3), (12, 2, 4), 1, NUMBERS.reshape(2, 3, 2, 2).transpose(0, 2, 1, 3)[..., 1]),
        ((3, 5), (0, 1), 4, np.broadcast_to(NUMBERS[4:9], (3, 5))),
        ((), (), 7, NUMBERS[7]),
        ((0, 3), (3, 1), 24, np.empty((0, 3))),
        ((1, 2), (2**62, 1), 0, NUMBERS[None, :2]),
    ],
    ids=["whole", "at its end", "transposed", "steps", "expanded", "a number", "empty", "any"],
)
def test_a_tensor_is_any_regular_pattern_in_its_storage(read, size, stride, offset, expected):
    x = read(tensor(ROW, size, stride, offset))
    assert x.shape == expected.shape
    np.testing.assert_array_equal(x.numpy(), expected)


def test_tensors_of_one_storage_share_its_memory(read):
    x, y = read([tensor(ROW, (24,)), tensor(ROW, (2, 3), offset=6)])
    with mt.no_grad():
        x[7] = -1.0
    assert y[0, 1].item() == -1
    assert read({"x": tensor(ROW, (24,)), "bias": tensor(ROW, (1,))})["x"].tolist() == list(NUMBERS)


def test_containers_of_any_nesting_come_back(read):
    x = tensor(ROW, (2,))
    value = {"a": [1, -(2**40), 2.5, None, True], "b": ("größe", {3: x}), "c": OrderedDict(d=(x,))}
    found = read(value | {"size": Call("torch.Size", ((2, 3),))})
    assert found["a"] == value["a"] and found["b"][0] == "größe" and found["size"] == (2, 3)
    assert type(found["c"]) is OrderedDict and type(found["c"]["d"]) is tuple
    assert found["b"][1][3].tolist() == [0, 1] == found["c"]["d"][0].tolist()


def test_parameters_and_requires_grad_come_back(read):
    hooks = Call("collections.OrderedDict")
    frozen = Call("torch._utils._rebuild_parameter", (tensor(ROW, (2,)), False, hooks))
    x, p = read([tensor(ROW, (2,), requires_grad=True), frozen])
    assert x.requires_grad and x.is_leaf and type(x) is mt.Tensor
    assert type(p) is mt.nn.Parameter and not p.requires_grad


def first_parameter(state):
    """A Parameter of the first releases: a tensor without hooks, and then a state."""
    old = Call("torch._utils._rebuild_tensor", (ROW, 0, (2,), (1,)))
    return State(Call("torch.nn.parameter.Parameter", (old,)), state)


def test_files_of_python_2_and_the_first_releases_come_back(read):
    pairs = [["weight", first_parameter((False, False, Call("collections.OrderedDict")))]]
    found = read(Call("collections.OrderedDict", (pairs,)))
    assert type(found) is OrderedDict and found["weight"].tolist() == [0, 1]
    assert type(found["weight"]) is mt.nn.Parameter and not found["weight"].requires_grad


def test_the_metadata_of_a_state_dict_is_dropped(read):
    state = State(OrderedDict(x=tensor(ROW, (2,))), {"_metadata": {"": {"version": 1}}})
    found = read(state)
    assert list(found) == ["x"] and vars(found) == {}


@pytest.mark.parametrize("size", [4, 19])
def test_a_part_of_a_storage_in_the_older_format_is_seen_as_a_storage(tmp_path, size):
    class Part(Row):
        def reference(self, stacked):
            return (*super().reference(stacked)[:-1], ("the part's key", 6, size))

    write_stacked(tmp_path / "a.pth", tensor(Part("0", "FloatStorage", NUMBERS), (3,), offset=1))
    if size <= 18:
        assert load_torch(tmp_path / "a.pth").tolist() == [7, 8, 9]
    else:
        with pytest.raises(ValueError, match="a part of storage '0' is not within its 24 numbers"):
            load_torch(tmp_path / "a.pth")


@pytest.mark.parametrize(
    "call, what",
    [
        (Call("torch._utils._rebuild_sparse_tensor"), "a sparse tensor"),
        (Call("torch._utils._rebuild_qtensor"), "a quantised tensor"),
        (tensor(Row("0", "ComplexFloatStorage", NUMBERS), (2,)), "complex numbers"),
        (tensor(Row("0", "QInt8Storage", NUMBERS), (2,)), "quantised numbers"),
    ],
)
def test_other_kinds_of_tensors_are_refused_by_name(read, call, what):
    is_refused(read, call, f"it holds .*{what}.*not supported")


@pytest.mark.parametrize(
    "value, reason",
    [
        (tensor(ROW, (25,)), "beyond its storage of 24 numbers"),
        (tensor(ROW, (2, 3), (12, 6)), "beyond its storage"),
        (tensor(ROW, (2,), offset=23), "beyond its storage"),
        (tensor(ROW, (), offset=24), "beyond its storage"),
        (tensor(ROW, (2, 3), (3,)), "no memory holds"),
        (tensor(ROW, (2**40, 2**40), (0, 0)), "no memory holds"),
        (tensor(ROW, (2**40, 0, 2**40), (0, 0, 0)), "no memory holds"),
        (tensor(ROW, (1,) * 65), "at most 64 integers"),
        (tensor(ROW, (-1,), (1,)), "integers >= 0"),
        (tensor(ROW, (2,), (-1,), 3), "integers >= 0"),
        (tensor(ROW, (2.0,), (1,)), "integers >= 0"),
        (tensor(ROW, (2,), (1,), "0"), "integers >= 0"),
        (tensor(ROW, (2,), (2**70,)), "integers >= 0"),
        (tensor(None, (2,)), "without a storage"),
        (tensor(ROW, (2,), requires_grad=[1]), "cannot have"),
        (tensor(Row("0", "LongStorage", np.arange(2)), (2,), requires_grad=True), "cannot have"),
        (tensor(Row("0", "BoolStorage", np.uint8([0, 2])), (2,)), "neither 0 nor 1"),
        ([tensor(ROW, (2,)), tensor(Row("0", "IntStorage", NUMBERS), (2,))], "two types or len"),
        ([tensor(ROW, (2,)), tensor(Row("0", "FloatStorage", NUMBERS[1:]), (2,))], "storage '0'"),
        (Call("torch._utils._rebuild_parameter", (3,)), "parameter without a tensor"),
        (Call("torch._utils._rebuild_tensor_v2", (ROW,)), "arguments that do not fit"),
        (Call("torch._utils._rebuild_tensor_v2", (*tensor(ROW, (2,)).arguments, {"conj": True})),
         "conjugate"),
        (Call("torch._tensor._rebuild_from_type_v2", (Name("torch.Size"), None, ((1,),), {})),
         "rebuilt by an unknown function"),
        (Call("torch._tensor._rebuild_from_type_v2", (3, None, (), {})), "unknown function"),
        (Call("torch._tensor._rebuild_from_type_v2",
              (Name("torch._tensor._rebuild_from_type_v2"), None, (), {})), "unknown function"),
        (first_parameter(()), "sets the state of a Parameter"),
        (first_parameter((1, False, None)), "cannot have"),
        (State(tensor(ROW, (2,)), (ROW, 0, (2,), (1,))), "sets the state of a Tensor"),
        (Call("torch.Size", ([2],)), "a size is no tuple"),
        (Call("collections.OrderedDict", ([(1, 2, 3)],)), "not made from a list of pairs"),
        (Call("collections.OrderedDict", ((),)), "not made from a list of pairs"),
        (Call("torch.FloatStorage"), "which is not a function"),
        ([ROW], "a storage that belongs to no tensor"),
        ({"x": (Name("torch.FloatStorage"),)}, "torch.FloatStorage itself"),
        (Name("torch._utils._rebuild_tensor_v2"), "_rebuild_tensor_v2 itself"),
    ],
)  # fmt: skip
def test_tensors_that_cannot_be_are_refused(read, value, reason):
    is_refused(read, value, reason)


def test_a_short_file_cannot_ask_for_many_copies(tmp_path):
    """A list of 1000 pairs, remembered, and 1000 dicts of it: a million items of 20,000 bytes."""
    pairs = opcodes([["key", None]] * 1000)
    again = b"ccollections\nOrderedDict\nq\1" + pairs + b"q\2" + b"0h\1h\2\x85R" * 1000
    write_zip(tmp_path / "a.pth", b"\x80\2" + again + b".")
    with pytest.raises(ValueError, match="more items than the file has bytes"):
        load_torch(tmp_path / "a.pth")
