"""The larger, the smaller, and numbers between bounds: at NaN, at ties, at crossed bounds."""

import itertools

import numpy as np
import pytest

import minitorch_cnn as mt
from tests.tensor.parity import compare

nan, inf = np.nan, np.inf

CLAMPS = {
    "both": {"min": -1, "max": 1},
    "low": {"min": 0.5},
    "high": {"max": 0},
    "crossed": {"min": 2, "max": 1},
    "neither": {},
    "infinite": {"min": -np.inf, "max": np.inf},
}


@pytest.mark.parametrize("bounds", CLAMPS)
def test_clamp_by_numbers(bounds, torch):
    def run(m, x):
        x.requires_grad_()
        y = m.clamp(x, **CLAMPS[bounds])
        y.sum().backward()
        return [y, x.grad]

    compare(torch, run, [-2.0, -1, 0, 0.5, 1, 1.5, np.nan, np.inf, -np.inf])


@pytest.mark.parametrize("given", ["both", "low", "high"])
def test_clamp_by_tensors_with_ties(given, torch):
    def run(m, x, low, high):
        for t in (x, low, high):
            t.requires_grad_()
        bounds = {"both": (low, high), "low": (low, None), "high": (None, high)}[given]
        y = m.clamp(x, *bounds)
        y.sum().backward()
        return [y, x.grad, *(b.grad for b in bounds if b is not None)]

    compare(torch, run, [0.0, 1, 2, 5, 3, 7], [1.0, 1, 1, 6, 0, 4], [3.0, 3, 2, 2, 3, 9])


def test_clamp_needs_a_bound():
    with pytest.raises(ValueError, match=r"^clamp: min and max are both None"):
        mt.ones(2).clamp()


INPUTS = {
    "float32": np.array([-2, -1, 0, 0.5, 1, 2, nan, inf, -inf], np.float32),
    "int64": np.arange(-2, 7),
    "uint8": np.arange(9, dtype=np.uint8),
    "bool": np.arange(9) > 4,
    "float16": np.linspace(-2, 2, 9).astype(np.float16),
    "0-d": np.array(1.5),
}
NUMBERS = [None, 0, 2, 0.5, nan]
TENSORS = [
    None,
    np.array([nan, 0, 1, 2, -1, 0.5, 0, nan, 1], np.float32),
    np.array([0, 1, 2, 3, 4, 0, 1, 2, 3]),
    np.array(nan),
    np.array(2, np.int32),
]


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("bounds", [NUMBERS, TENSORS], ids=["numbers", "tensors"])
def test_clamp_is_the_larger_then_the_smaller_with_nan_above_all(kind, bounds, torch):
    for low, high in itertools.product(bounds, bounds):
        if kind == "0-d" and any(np.ndim(b) for b in (low, high)):
            continue  # PyTorch's backward sums to the wrong shape

        def run(m, x, low=low, high=high):
            given = [m.tensor(b) if isinstance(b, np.ndarray) else b for b in (low, high)]
            leaves = [x, *(b for b in given if hasattr(b, "shape"))]
            leaves = [t.requires_grad_() for t in leaves if "float" in str(t.dtype)]
            y = m.clamp(x, *given)
            if y.requires_grad:
                y.sum().backward()
            return [y, *(t.grad for t in leaves if y.requires_grad and t.grad is not None)]

        compare(torch, run, INPUTS[kind])


def test_a_nan_bound_makes_nan():
    y = mt.clamp(mt.tensor([1.0, 2.0]), mt.tensor([nan, 0.0]))
    np.testing.assert_array_equal(y.numpy(), [nan, 2])


def test_a_number_and_a_tensor_may_be_mixed():
    x, high = mt.tensor([-3.0, 0, 3], requires_grad=True), mt.tensor([1.0, -2, 2])
    high.requires_grad_()
    y = x.clamp(-1, high)
    y.backward(mt.tensor([1.0, 10, 100]))
    np.testing.assert_array_equal(y.detach().numpy(), [-1, -2, 2])
    np.testing.assert_array_equal(x.grad.numpy(), [0, 0, 0])
    np.testing.assert_array_equal(high.grad.numpy(), [0, 10, 100])


def test_a_gradient_that_is_infinite_does_not_pass_a_bound():
    x = mt.tensor([-3.0, 0, 3], requires_grad=True)
    x.clamp(-1, 1).backward(mt.tensor([inf, inf, nan]))
    np.testing.assert_array_equal(x.grad.numpy(), [0, inf, 0])


@pytest.mark.parametrize("name", ["clamp_min", "clamp_max"])
@pytest.mark.parametrize("bound", [1.5, [0.5, nan, 3.0, 2.0]], ids=["number", "tensor"])
def test_one_bound_has_a_name_of_its_own(name, bound, torch):
    def run(m, x):
        x.requires_grad_()
        y = getattr(m, name)(x, m.tensor(bound) if isinstance(bound, list) else bound)
        y.sum().backward()
        return [y, x.grad, getattr(x, name)(1)]

    compare(torch, run, [1.0, 2.0, nan, 1.5])


def test_clip_is_clamp(torch):
    compare(torch, lambda m, x: [m.clip(x, max=1), x.clip(0, 1), x.clip(min=0.5)], [-1.0, 0.7, 3])


@pytest.mark.parametrize("bounds", [(0.5,), (None, 1.5), (0, 2.0)])
def test_integers_are_not_limited_by_floats_in_place(bounds, torch):
    compare(torch, lambda m, x: x.clamp_(*bounds), np.array([1, 2, 3]))
    x = mt.tensor([1, 2, 3])
    with pytest.raises(RuntimeError, match=r"^clamp_: a result of dtype float32 cannot be"):
        x.clamp_(*bounds)
    with pytest.raises(RuntimeError, match=r"^clamp_: a result of dtype float32 cannot be"):
        x.clamp_(mt.tensor(0.5))
    assert x.tolist() == [1, 2, 3]


@pytest.mark.parametrize("name", ["maximum", "minimum", "fmax", "fmin"])
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_pairs_of_odd_numbers(name, dtype, torch):
    a, b = np.array(list(itertools.product([nan, -inf, -1, 0, 2, inf], repeat=2))).T
    if dtype != "float32":
        a, b = (np.nan_to_num(x, posinf=9, neginf=-9).astype(dtype) for x in (a, b))

    def run(m, a, b):
        if dtype != "float32":
            return getattr(m, name)(a, b)
        a.requires_grad_(), b.requires_grad_()
        y = getattr(m, name)(a, b)
        y.backward(m.linspace(1, 2, 36, dtype=m.float64))
        return [y, a.grad, b.grad]

    compare(torch, run, a, b)


@pytest.mark.parametrize("options", [{}, {"nan": 2.5}, {"posinf": 7.0}, {"neginf": -1, "nan": 3}])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
def test_nan_to_num_replaces_what_is_no_number(options, dtype, torch):
    def run(m, x):
        if dtype == "int64":
            return m.nan_to_num(x, **options)
        y = m.nan_to_num(x.requires_grad_(), **options)
        y.sum().backward()
        return [y, x.grad]

    numbers = [1, 2, 3] if dtype == "int64" else [nan, inf, -inf, 1.5]
    compare(torch, run, np.array(numbers, dtype))


BYTE = mt.tensor([1], dtype=mt.uint8)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mt.ones(3).clamp(mt.ones(2)), RuntimeError, r"^clamp: shapes \(3,\) and"),
        (lambda: mt.tensor([True]).clamp(False), TypeError, "^clamp: booleans have no bounds"),
        (lambda: BYTE.clamp(-1), RuntimeError, "^clamp: bound -1 does not fit into uint8"),
        (lambda: BYTE.clip(max=300), RuntimeError, "^clip: value=300 does not fit into uint8"),
        (lambda: mt.ones(3).clamp("a"), TypeError, "^clamp: operand must be a Tensor"),
        (lambda: mt.clamp_min(2.0, 1), TypeError, "^clamp_min: input must be a Tensor"),
    ],
)
def test_errors_name_the_function_and_the_rule(call, error, message):
    with pytest.raises(error, match=message):
        call()
