"""Arithmetic at its corners: zeros, infinities, NaNs, ties, signs, against PyTorch."""

import itertools
import operator

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.tensor import Tensor
from tests.tensor.parity import compare

NAN, INF = np.nan, np.inf
NUMBERS = np.array([-INF, -2.5, -2, -1, -0.0, 0.0, 0.5, 1, 3, INF, NAN])
OPS = {
    name: getattr(operator, name)
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")
}
ALL_OPS = [*OPS, "maximum", "minimum"]


def apply(m, name, a, b):
    return OPS[name](a, b) if name in OPS else getattr(m, name)(a, b)


@pytest.mark.parametrize("name", ALL_OPS)
def test_values_of_every_pair_of_odd_numbers(name, torch):
    a, b = np.meshgrid(NUMBERS, NUMBERS)
    for dtype in (np.float32, np.float64):
        compare(torch, lambda m, x, y: apply(m, name, x, y), a.astype(dtype), b.astype(dtype))


@pytest.mark.parametrize("name", [n for n in ALL_OPS if n != "floordiv"])
def test_gradients_at_every_pair_of_odd_numbers(name, torch):
    a, b = (x.ravel() for x in np.meshgrid(NUMBERS, NUMBERS))

    def run(m, x, y):
        x.requires_grad_()
        y.requires_grad_()
        apply(m, name, x, y).sum().backward()
        return [x.grad, y.grad]

    if (
        name == "mod"
    ):  # PyTorch's derivative of a remainder by 0 or infinity is a matter of rounding
        sane = np.isfinite(a) & np.isfinite(b) & (b != 0)
        a, b = a[sane], b[sane]
    compare(torch, run, a, b)


@pytest.mark.parametrize("p", [-1, 0, 0.5, 1, 2, 2.5, 3])
def test_gradients_of_powers_at_zero_and_below(p, torch):
    def run(m, x):
        x.requires_grad_()
        (x**p).sum().backward()
        return x.grad

    compare(torch, run, NUMBERS)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64"])
@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "floordiv", "mod", "maximum"])
def test_integers_and_their_signs(name, dtype, torch):
    low = 0 if dtype == "uint8" else -7
    a, b = (x.astype(dtype) for x in np.meshgrid(np.arange(low, 8), [-3, -2, 2, 3, 5]))
    compare(torch, lambda m, x, y: apply(m, name, x, y), a, b)


@pytest.mark.parametrize("name", ["floordiv", "mod"])
def test_an_integer_is_not_divided_by_zero(name, torch):
    compare(torch, lambda m, x: OPS[name](x, 0), [1, 2])
    with pytest.raises(RuntimeError, match=r"an integer cannot be divided by zero"):
        OPS[name](mt.tensor([1, 2]), 0)


@pytest.mark.parametrize(
    "shapes", [((2, 3), (4,)), ((2, 1, 3), (4, 2)), ((0,), (2,)), ((1, 0), (3, 1))]
)
def test_shapes_broadcast_or_are_refused(shapes, torch):
    a, b = (np.ones(shape) for shape in shapes)
    compare(torch, lambda m, x, y: x + y, a, b)
    compare(torch, lambda m, x, y: m.where(x > 0, x, y), a, b)


def test_numbers_and_arrays_on_either_side_give_tensors(torch):
    x, array = mt.tensor([1.0, 2]), np.array([3.0, 5], np.float32)
    for op in (*OPS.values(), operator.eq, operator.lt):
        for y in (
            op(array, x),
            op(x, array),
            op(2, x),
            op(x, 2.5),
            op(np.float32(2), x),
            op(x, np.int64(2)),
        ):
            assert type(y) is Tensor
        np.testing.assert_allclose(op(array, x).array, op(array, x.array), rtol=1e-6)
    assert type(array.reshape(1, 2) @ x) is Tensor and type(x @ array) is Tensor
    assert [y.item() for y in (array @ x, x @ array)] == [13, 13]


def test_where_does_not_let_a_nan_of_the_other_side_through():
    x = Tensor(np.array([0.0, 4.0]), requires_grad=True)
    mt.where(x > 0, x.log(), 0.0).sum().backward()
    assert x.grad.tolist()[1] == 0.25 and np.isnan(
        x.grad.tolist()[0]
    )  # log's own slope, as PyTorch
    y = Tensor(np.array([NAN, 4.0]), requires_grad=True)
    mt.where(y > 0, y, 0.0).sum().backward()
    assert y.grad.tolist() == [0, 1]


FILLS = [2.5, 2, True, INF, NAN, 300, -1]


@pytest.mark.parametrize("value", FILLS)
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "bool"])
def test_fills_fit_the_dtype_or_are_refused(dtype, value, torch):
    x = np.ones(3).astype(dtype)
    compare(torch, lambda m, t: t.masked_fill(t > 0, value), x)
    compare(torch, lambda m, t: t.fill_(value), x)


def test_masked_fill_broadcasts_its_mask(torch):
    compare(torch, lambda m, x: x.masked_fill(m.tensor([True, False, True]), 9), np.zeros((2, 3)))
    compare(torch, lambda m, x: x.masked_fill(m.tensor([[True], [False]]), 9), np.zeros(3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x - (x > 0), TypeError, "^sub: booleans have no difference"),
        (
            lambda x: mt.where(x > 0, x.to(mt.uint8), 300),
            RuntimeError,
            "^where: value=300 does",
        ),
        (lambda x: mt.where(x > 0, -129, x.to(mt.int8)), RuntimeError, "^where: value=-129 does"),
        (lambda x: (x > 0) % True, TypeError, "^remainder: boolean tensors have no remainder"),
        (lambda x: (x > 0) // True, TypeError, "^floor_divide: boolean tensors have no quotient"),
        (lambda x: x.long() ** -1, RuntimeError, "^pow: an integer cannot be raised to a negative"),
        (
            lambda x: mt.where(x, x, x),
            TypeError,
            "^where: condition has dtype float32, must be bool",
        ),
        (
            lambda x: x.masked_fill(x, 1),
            TypeError,
            "^masked_fill: mask has dtype float32, must be bool",
        ),
        (lambda x: x.masked_fill(x > 0, x), ValueError, "^masked_fill: value has 1 axes"),
        (
            lambda x: x.long().masked_fill(x > 0, INF),
            RuntimeError,
            "^masked_fill: value=inf does not fit",
        ),
        (
            lambda x: x + mt.ones(2),
            RuntimeError,
            r"^add: shapes \(3,\) and \(2,\) do not broadcast",
        ),
        (lambda x: mt.maximum(x, mt.ones(2)), RuntimeError, r"^maximum: shapes \(3,\) and \(2,\)"),
        (lambda x: mt.where(x > 0, x, mt.ones(2)), RuntimeError, r"^where: shapes "),
        (lambda x: x < mt.ones(2), RuntimeError, r"^lt: shapes \(3,\) and \(2,\) do not broadcast"),
    ],
)
def test_errors_name_the_function_and_the_rule(call, error, message):
    with pytest.raises(error, match=message):
        call(mt.ones(3))


def test_every_pair_of_ops_composes():
    x = mt.tensor([1.0, 2], requires_grad=True)
    for p, q in itertools.product(OPS.values(), repeat=2):
        assert q(p(x, 2.0), 3.0).shape == (2,)
