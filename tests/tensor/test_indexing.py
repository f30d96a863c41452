"""Reading parts by keys of every kind, against PyTorch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch_cnn as mt
from minitorch_cnn.tensor import Tensor
from tests.tensor.parity import assert_same, compare, outcome

NAN, INF = np.nan, np.inf


@st.composite
def keys(draw):
    """A shape and a key for it, now and then out of bounds; arrays stand for tensors."""
    shape = draw(st.lists(st.integers(0, 4), min_size=0, max_size=3).map(tuple))
    parts, used, length = [], 0, draw(st.sampled_from([1, 2, 3]))
    for _ in range(draw(st.integers(0, len(shape) + 1))):
        n = shape[used] if used < len(shape) else 1
        kind = draw(
            st.sampled_from(["int", "slice", "none", "dots", "list", "array", "mask", "0-d"])
        )
        if kind == "none":
            parts.append(None)
            continue
        if kind == "dots":
            if any(part is Ellipsis for part in parts):
                continue
            parts.append(Ellipsis)
            continue
        index = st.integers(-n - (draw(st.integers(0, 9)) == 0), max(n - 1, 0))
        if kind == "int":
            parts.append(draw(index))
        elif kind == "0-d":
            parts.append(np.array(draw(index)))
        elif kind == "slice":
            bound = st.none() | st.integers(-5, 5)
            parts.append(slice(draw(bound), draw(bound), draw(st.none() | st.integers(1, 3))))
        elif kind == "list":
            parts.append(draw(st.lists(index, min_size=length, max_size=length)))
        elif kind == "array":
            parts.append(np.array(draw(st.lists(index, min_size=length, max_size=length))))
        else:
            axes = draw(st.integers(1, 2))
            size = shape[used : used + axes] or (1,)
            bits = st.lists(st.booleans(), min_size=int(np.prod(size)), max_size=int(np.prod(size)))
            parts.append(np.array(draw(bits), bool).reshape(size))
            used += len(size) - 1
        used += 1
    alone = len(parts) == 1 and draw(st.booleans())
    return shape, parts[0] if alone else tuple(parts)


def in_library(key, convert):
    if isinstance(key, tuple):
        return tuple(in_library(part, convert) for part in key)
    return convert(key) if isinstance(key, np.ndarray) else key


@settings(max_examples=400, deadline=None, derandomize=True)
@given(keys(), st.booleans())
def test_reading_and_writing_by_any_key_is_pytorch_s(case, write):
    torch = pytest.importorskip("torch")
    shape, key = case
    data = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)

    def run(m, x, key):
        if not write:
            return x[key]
        x[key] = 0.5
        return x

    assert_same(
        outcome(lambda: run(mt, Tensor(data.copy()), in_library(key, Tensor))),
        outcome(
            lambda: run(torch, torch.from_numpy(data.copy()), in_library(key, torch.from_numpy))
        ),
    )


@settings(max_examples=150, deadline=None, derandomize=True)
@given(keys())
def test_gradients_of_reading_and_writing_by_any_key_are_pytorch_s(case):
    torch = pytest.importorskip("torch")
    shape, key = case
    rng = np.random.default_rng(0)
    data, number = rng.standard_normal(shape), np.array(0.7)

    def run(m, x, v, key):
        x.requires_grad_()
        v.requires_grad_()
        y = x * 1
        z = y[key] * 2
        y = y.clone()
        y[key] = v
        ((y * y).sum() + (z * z).sum()).backward()
        return [x.grad, v.grad]

    theirs = outcome(
        lambda: run(torch, torch.from_numpy(data.copy()), torch.from_numpy(number.copy()),
                    in_library(key, torch.from_numpy))
    )  # fmt: skip
    ours = outcome(
        lambda: run(mt, Tensor(data.copy()), Tensor(number.copy()), in_library(key, Tensor))
    )
    assert_same(ours, theirs)


def test_basic_keys_give_views_and_others_copies():
    x = mt.arange(6).reshape(2, 3)
    for key in (0, slice(1, None), (..., 1), (None, 0), (0, 2)):
        assert np.shares_memory(x[key].array, x.array)
    for key in ([0], mt.tensor([1]), x > 2, (0, [1, 2])):
        assert not np.shares_memory(x[key].array, x.array)


def test_a_number_picked_out_is_a_0_d_view():
    x = mt.zeros(2, 2)
    x[1, 0].fill_(7)
    assert x.tolist() == [[0, 0], [7, 0]]


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (2, IndexError, "^index: index 2 is out of bounds"),
        ((0, 0, 0), IndexError, "^index: too many indices"),
        ([0.5], IndexError, "^index: tensors used as indices must be integer or bool, got float64"),
        (slice(None, None, -1), ValueError, "^index: step=-1 of a slice must be greater than zero"),
        ([True, False, True], IndexError, "^index: boolean index did not match"),
    ],
)
def test_keys_that_fit_nothing_are_refused(key, error, message):
    with pytest.raises(error, match=message):
        mt.zeros(2, 3)[key]


def mask_of(values):
    return np.array(values, np.uint8)


UINT8_KEYS = {
    "rows": lambda T: T(mask_of([1, 0, 2])),
    "elements": lambda T: T(mask_of([[1, 0, 0, 1]] * 3)),
    "columns": lambda T: (slice(None), T(mask_of([1, 0, 0, 1]))),
    "one row's columns": lambda T: (1, T(mask_of([1, 0, 0, 1]))),
    "both": lambda T: (T(mask_of([1, 0, 1])), T(mask_of([1, 0, 0, 1]))),
    "with indices": lambda T: (T(mask_of([1, 0, 1])), T(np.array([0, 1]))),
    "an array": lambda T: mask_of([1, 0, 1]),
    "one": lambda T: T(mask_of(1)),
    "zero": lambda T: T(mask_of(0)),
    "too short": lambda T: T(mask_of([1, 0])),
    "a list of numbers": lambda T: [np.uint8(1), np.uint8(0), np.uint8(1)],
    "a number": lambda T: np.uint8(2),
    "a slice": lambda T: slice(T(mask_of(1)), None),
}


@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
@pytest.mark.parametrize("name", UINT8_KEYS)
def test_uint8_is_a_mask_to_read_and_write_by(name, torch):
    x, key = np.arange(12.0).reshape(3, 4), UINT8_KEYS[name]

    def read_and_write(m, x):
        part = x[key(m.tensor)]
        y = x.clone()
        y[key(m.tensor)] = part * 0 - 1  # a number PyTorch refuses for masks of uint8
        return [part, y]

    compare(torch, read_and_write, x)
    if name in ("rows", "elements", "columns", "both"):
        leaf = Tensor(x, requires_grad=True)
        assert mt.gradgradcheck(lambda x: x[key(mt.tensor)] ** 2, leaf)
        y = Tensor(x.copy())
        y[key(mt.tensor)] = -1
        assert (y == -1).sum() == x[key(lambda array: array != 0)].size


@pytest.mark.parametrize("key", [mt.ones(3), mt.tensor(1.0), np.ones(3), [1.0, 0.0], mt.ones(0)])
def test_floats_are_no_indices(key):
    x = mt.zeros(3, 3)
    for use in (lambda: x[key], lambda: x[0, key], lambda: x.__setitem__(key, 1)):
        with pytest.raises(IndexError, match="must be integer or bool, got float"):
            use()


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint16"])
def test_integers_of_every_other_size_are_indices(dtype):
    index = Tensor(np.array([2, 0, 2], dtype))
    x = Tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    x[index].sum().backward()
    assert x[index].tolist() == [[4, 5], [0, 1], [4, 5]]
    assert x.grad.tolist() == [[1, 1], [0, 0], [2, 2]]
