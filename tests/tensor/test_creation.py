"""Making tensors: dtypes, shapes, ranges, chance, against PyTorch."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.tensor import Tensor
from tests.tensor.parity import compare

CALLS = {
    "tensor of integers": lambda m: m.tensor([1, 2]),
    "tensor of floats": lambda m: m.tensor([1, 2.5]),
    "tensor of bools": lambda m: m.tensor([True, False]),
    "tensor of a bool and a number": lambda m: m.tensor([True, 2]),
    "tensor of nothing": lambda m: m.tensor([]),
    "tensor of nothing twice": lambda m: m.tensor([[], []]),
    "tensor of a number": lambda m: m.tensor(3),
    "tensor of a float": lambda m: m.tensor(3.5),
    "tensor of a large float": lambda m: m.tensor([1e300, -1e300]),
    "tensor of an array": lambda m: m.tensor(np.arange(3, dtype=np.int32)),
    "tensor of a NumPy number": lambda m: m.tensor(np.float64(2.5)),
    "tensor of NumPy numbers": lambda m: m.tensor([np.float32(1), np.float32(2)]),
    "tensor of a tensor's numbers": lambda m: m.tensor([m.tensor(1.5).item(), 2]),
    "tensor, dtype": lambda m: m.tensor([1.7, -1.7], dtype=m.int64),
    "tensor, half": lambda m: m.tensor([1, 2], dtype=m.float16),
    "tensor, nested": lambda m: m.tensor([[[1.0]], [[2.0]]]),
    "tensor, tuple": lambda m: m.tensor(((1, 2), (3, 4))),
    "tensor, ragged": lambda m: m.tensor([[1], [2, 3]]),
    "tensor, text": lambda m: m.tensor("text"),
    "tensor, none": lambda m: m.tensor(None),
    "tensor, mixed": lambda m: m.tensor([1, "a"]),
    "zeros": lambda m: m.zeros(2, 3),
    "zeros, tuple": lambda m: m.zeros((2, 3)),
    "zeros, list": lambda m: m.zeros([2, 0]),
    "zeros, number": lambda m: m.zeros(()),
    "zeros, negative": lambda m: m.zeros(-1),
    "zeros, dtype": lambda m: m.zeros(2, dtype=m.uint8),
    "ones": lambda m: m.ones(2, dtype=m.int64),
    "full": lambda m: m.full((2, 2), 2.5),
    "full, integer": lambda m: m.full((2,), 7),
    "full, bool": lambda m: m.full((2,), True),
    "full, dtype": lambda m: m.full((2,), 7, dtype=m.float64),
    "full, large": lambda m: m.full((2,), 1e300),
    "eye": lambda m: m.eye(3),
    "eye, wide": lambda m: m.eye(2, 4),
    "arange": lambda m: m.arange(5),
    "arange, from": lambda m: m.arange(2, 5),
    "arange, step": lambda m: m.arange(1, 10, 3),
    "arange, down": lambda m: m.arange(5, 0, -2),
    "arange, floats": lambda m: m.arange(0.0, 1.0, 0.25),
    "arange, float end": lambda m: m.arange(3.0),
    "arange, uneven": lambda m: m.arange(0, 1, 0.3),
    "arange, empty": lambda m: m.arange(2, 2),
    "arange, wrong way": lambda m: m.arange(3, 1),
    "arange, no step": lambda m: m.arange(0, 3, 0),
    "arange, dtype": lambda m: m.arange(3, dtype=m.float64),
    "linspace": lambda m: m.linspace(0, 1, 5),
    "linspace, one": lambda m: m.linspace(2, 3, 1),
    "linspace, none": lambda m: m.linspace(2, 3, 0),
    "linspace, down": lambda m: m.linspace(3, -3, 4, dtype=m.float64),
    "linspace, negative": lambda m: m.linspace(0, 1, -1),
    "zeros_like": lambda m: m.zeros_like(m.ones(2, 3, dtype=m.int32)),
    "ones_like": lambda m: m.ones_like(m.zeros(2), dtype=m.float64),
    "full_like": lambda m: m.full_like(m.zeros(2, dtype=m.int64), 3),
    "full_like, too large": lambda m: m.full_like(m.zeros(2, dtype=m.uint8), 300),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_dtypes_and_refusals(name, torch):
    compare(torch, CALLS[name])


DRAWS = {
    "randn": lambda: mt.randn(2, 3),
    "rand": lambda: mt.rand((2, 3)),
    "randint": lambda: mt.randint(10, (2, 3)),
    "randint, low": lambda: mt.randint(-3, 3, (2, 3)),
    "randperm": lambda: mt.randperm(6),
    "randn_like": lambda: mt.randn_like(mt.zeros(2, 3, dtype=mt.float64)),
    "rand_like": lambda: mt.rand_like(mt.zeros(2, 3)),
    "empty": lambda: mt.empty(2, 3) * 0,
    "empty_like": lambda: mt.empty_like(mt.zeros(2, 3)) * 0,
}


@pytest.mark.parametrize("name", [n for n in DRAWS if not n.startswith("empty")])
def test_chance_repeats_under_manual_seed(name):
    mt.manual_seed(3)
    a, b = DRAWS[name](), DRAWS[name]()
    mt.manual_seed(3)
    assert mt.equal(a, DRAWS[name]()) and not mt.equal(a, b)


@pytest.mark.parametrize("name", DRAWS)
def test_shapes_and_dtypes_of_chance(name):
    x = DRAWS[name]()
    expected = mt.int64 if name.startswith(("randint", "randperm")) else mt.float32
    if name == "randn_like":
        expected = mt.float64
    assert x.dtype == expected
    assert x.shape == ((6,) if name == "randperm" else (2, 3))


def test_draws_have_their_distribution():
    mt.manual_seed(0)
    n, u, k = mt.randn(100_000), mt.rand(100_000), mt.randint(-2, 3, (100_000,))
    assert abs(n.mean().item()) < 0.02 and abs(n.std().item() - 1) < 0.02
    assert u.min().item() >= 0 and u.max().item() < 1 and abs(u.mean().item() - 0.5) < 0.01
    assert sorted(set(k.tolist())) == [-2, -1, 0, 1, 2]
    assert sorted(mt.randperm(100).tolist()) == list(range(100))


def test_a_generator_of_one_s_own_leaves_the_default_alone():
    mt.manual_seed(0)
    expected = mt.rand(3).tolist()
    mt.manual_seed(0)
    mt.rand(3, generator=np.random.default_rng(5))
    assert mt.rand(3).tolist() == expected
    a, b = (mt.randn(3, generator=np.random.default_rng(5)).tolist() for _ in range(2))
    assert a == b


def test_the_default_dtype_rules_floats_only():
    mt.set_default_dtype(mt.float64)
    try:
        assert mt.zeros(1).dtype == mt.tensor(1.5).dtype == mt.randn(1).dtype == mt.float64
        assert mt.tensor(1).dtype == mt.int64 and mt.tensor(np.float32(1)).dtype == mt.float32
    finally:
        mt.set_default_dtype(mt.float32)


def test_tensor_copies_and_from_numpy_shares():
    array = np.zeros(3)
    copy, shared = mt.tensor(array), mt.from_numpy(array)
    array[0] = 1
    assert copy.tolist() == [0, 0, 0] and shared.tolist() == [1, 0, 0]
    x = mt.ones(2, requires_grad=True)
    assert not mt.tensor(x).requires_grad and mt.tensor(x).is_leaf
    assert mt.tensor([x[0], x[1]]).tolist() == [1, 1]


def test_requires_grad_is_for_floats():
    assert mt.zeros(2, requires_grad=True).requires_grad
    with pytest.raises(
        RuntimeError, match=r"^requires_grad: only floating-point tensors have gradients"
    ):
        mt.tensor([1], requires_grad=True)


def test_dlpack_shares_memory_both_ways(torch):
    theirs = torch.zeros(3)
    ours = mt.from_dlpack(theirs)
    theirs[0] = 5
    assert ours.tolist() == [5, 0, 0]
    ours.add_(1)
    assert theirs.tolist() == [6, 1, 1]
    back = torch.from_dlpack(mt.ones(2))
    assert back.tolist() == [1, 1]
    assert np.from_dlpack(mt.ones(2)).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mt.tensor([[1], [2, 3]]), ValueError, "^tensor: data is ragged"),
        (lambda: mt.tensor("a"), TypeError, "^tensor: dtype=<U1 must be one of"),
        (
            lambda: mt.tensor([1], dtype=complex),
            TypeError,
            "^tensor: dtype=complex128 must be one of",
        ),
        (lambda: mt.tensor([1], device="gpu"), ValueError, "^tensor: device='gpu' must be 'cpu'"),
        (lambda: mt.zeros(2, -1), RuntimeError, r"^zeros: size=\(2, -1\) must not be negative"),
        (lambda: mt.zeros(2, device="tpu"), ValueError, "^zeros: device='tpu' must be 'cpu'"),
        (lambda: mt.zeros(2.5), TypeError, "^zeros: size="),
        (
            lambda: mt.arange(3, 1),
            ValueError,
            "^arange: step=1 does not lead from start=3 to end=1",
        ),
        (lambda: mt.linspace(0, 1, -1), ValueError, "^linspace: steps=-1 must not be negative"),
        (lambda: mt.randint(3, 3, (2,)), ValueError, "^randint: low=3 must be below high=3"),
        (
            lambda: mt.from_numpy([1]),
            TypeError,
            "^from_numpy: array must be a numpy.ndarray, got list",
        ),
        (lambda: mt.from_numpy(np.zeros(1, complex)), TypeError, "^from_numpy: dtype=complex128"),
        (lambda: mt.full((2,), "a"), TypeError, "^full: dtype=<U1 must be one of"),
        (lambda: Tensor({1}), TypeError, "^Tensor: data must be an array or a number, got set"),
    ],
)
def test_errors_name_the_function_and_the_rule(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        ([300], "uint8"), ([-300], "uint8"), (200, "int8"), ([2**31], "int32"), ([1, 3e9], "int32"),
        (np.nan, "int64"), ([1.0, np.inf], "int64"), ([[1e20]], "int64"), ([1.5, 300.2], "uint8"),
    ],
)  # fmt: skip
def test_a_number_that_an_integer_dtype_cannot_hold_is_refused(data, dtype):
    dtype = getattr(mt, dtype)
    with pytest.raises(RuntimeError, match=f"^tensor: value=.* does not fit into {dtype}"):
        mt.tensor(data, dtype=dtype)
    with pytest.raises(RuntimeError, match=r"^tensor: value="):
        mt.zeros(1, dtype=dtype).new_tensor(data)


def test_numbers_that_fit_are_cut_and_arrays_wrap_around():
    assert mt.tensor([-1, 255], dtype=mt.uint8).tolist() == [255, 255]
    assert mt.tensor([1.7, -1.7], dtype=mt.int8).tolist() == [1, -1]
    assert mt.tensor([], dtype=mt.uint8).shape == (0,)
    assert mt.tensor(np.array([300]), dtype=mt.uint8).tolist() == [44]


def test_arange_of_an_integer_dtype_counts_with_integers():
    assert mt.arange(2.5, dtype=mt.int64).tolist() == [0, 1]
    assert mt.arange(1.9, 4.5, 2.9, dtype=mt.int32).tolist() == [1, 3]
    with pytest.raises(ValueError, match=r"^arange: step=0"):
        mt.arange(0, 2, 0.5, dtype=mt.int64)
    with pytest.raises(ValueError, match=r"^arange: start=0, end=nan, step=1 must be finite"):
        mt.arange(np.nan)


@pytest.mark.parametrize("name", ["rand", "randn"])
@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_fractions_are_not_drawn_in_integer_dtypes(name, dtype):
    with pytest.raises(TypeError, match=f"^{name}: dtype={dtype} must be floating point"):
        getattr(mt, name)(2, dtype=np.dtype(dtype))
    with pytest.raises(TypeError, match=f"^{name}: dtype="):
        getattr(mt, f"{name}_like")(mt.zeros(2, dtype=np.dtype(dtype)))
