"""Type promotion: the whole table against PyTorch."""

import itertools
import operator

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.tensor import Tensor
from tests.tensor.parity import assert_same, outcome

DTYPES = ("uint8", "int64", "bool", "float16", "float32", "float64")
NUMBERS = (True, 3, 2.5)
OPS = {
    name: getattr(operator, name)
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "eq", "lt", "and_")
}


def operands(m):
    """A tensor and a 0-d tensor of each dtype, and the Python numbers."""
    for dtype, shape in itertools.product(DTYPES, ((2,), ())):
        yield m.from_numpy(np.full(shape, 2).astype(dtype))
    yield from NUMBERS


@pytest.mark.parametrize("op", OPS)
@pytest.mark.filterwarnings("ignore:.*sub.*bool:UserWarning")
def test_every_pair_of_operands_meets_in_pytorch_s_dtype(op, torch):
    ours, theirs = list(operands(mt)), list(operands(torch))
    for i, j in itertools.product(range(len(ours)), repeat=2):
        if op == "pow" and i < j == len(ours) - len(NUMBERS) and ours[i].dtype == mt.bool_:
            continue  # PyTorch knows bool ** True, but no other power of a bool
        if isinstance(ours[i], Tensor) or isinstance(ours[j], Tensor):
            found = outcome(lambda i=i, j=j: OPS[op](ours[i], ours[j]))
            expected = outcome(lambda i=i, j=j: OPS[op](theirs[i], theirs[j]))
            try:
                assert_same(found, expected, rtol=2e-3)
            except AssertionError as error:
                raise AssertionError(f"{op}({ours[i]!r}, {ours[j]!r}): {error}") from None


@pytest.mark.parametrize("fn", ["where", "maximum", "cat", "stack"])
def test_functions_of_two_tensors_promote_alike(fn, torch):
    def run(m, a, b):
        if fn == "where":
            return m.where(m.tensor(True), a, b)
        if fn in ("cat", "stack"):
            return getattr(m, fn)([a, b])
        return getattr(m, fn)(a, b)

    ours = [t for t in operands(mt) if isinstance(t, Tensor)]
    theirs = [t for t in operands(torch) if not isinstance(t, bool | int | float)]
    for (a, c), (b, d) in itertools.product(zip(ours, theirs, strict=True), repeat=2):
        assert_same(
            outcome(lambda a=a, b=b: run(mt, a, b)), outcome(lambda c=c, d=d: run(torch, c, d))
        )


@pytest.mark.parametrize("number", [300, -1, 256, 2.5])
@pytest.mark.parametrize("op", ["add", "mul", "sub", "eq", "lt"])
def test_a_number_too_large_for_the_tensor_wraps_around(op, number, torch):
    data = np.array([1, 200], np.uint8)
    assert_same(
        outcome(lambda: OPS[op](Tensor(data), number)),
        outcome(lambda: OPS[op](torch.from_numpy(data), number)),
    )


def test_numpy_numbers_count_as_python_numbers():
    x = mt.ones(2)
    assert (x * np.float64(2)).dtype == mt.float32
    assert (np.float64(2) * x).dtype == mt.float32
    assert (mt.ones(2, dtype=mt.int64) + np.float32(0.5)).dtype == mt.float32


def test_integers_divide_to_the_default_float():
    a = mt.tensor([1, 2])
    assert (a / 2).dtype == mt.float32
    mt.set_default_dtype(mt.float64)
    try:
        assert (a / 2).dtype == mt.float64 and (a * 2.0).dtype == mt.float64
    finally:
        mt.set_default_dtype(mt.float32)


def test_a_0_d_tensor_does_not_widen_but_lifts_the_category():
    assert (mt.ones(2) * mt.tensor(2.0, dtype=mt.float64)).dtype == mt.float32
    assert (mt.ones(2, dtype=mt.int64) * mt.tensor(2.0, dtype=mt.float64)).dtype == mt.float64


def test_gradients_come_back_in_the_dtype_of_their_tensor():
    a = mt.ones(2, requires_grad=True)
    b = mt.ones(2, dtype=mt.float64, requires_grad=True)
    h = mt.ones(2, dtype=mt.float16, requires_grad=True)
    (a * b * h).sum().backward()
    assert [t.grad.dtype for t in (a, b, h)] == [mt.float32, mt.float64, mt.float16]


@pytest.mark.parametrize("other", ["2", None, [1.0], 2j])
def test_what_is_no_number_is_refused(other):
    with pytest.raises(TypeError):
        mt.ones(2) + other
    with pytest.raises(
        TypeError, match=r"^add: operand must be a Tensor, an array or a number, got"
    ):
        mt.add(mt.ones(2), other)


@pytest.mark.parametrize("first", ["bool", "uint8", "int8", "int64", "float16", "float32"])
@pytest.mark.parametrize("second", ["bool", "uint8", "int32", "float16", "float64"])
def test_types_meet_where_pytorch_lets_them(first, second, torch):
    theirs = torch.promote_types(getattr(torch, first), getattr(torch, second))
    assert str(mt.promote_types(first, second)) == str(theirs).removeprefix("torch.")
    for shape, number in (((), (2,)), ((2,), ()), ((), ())):
        a, b = mt.ones(shape, dtype=first), mt.ones(number, dtype=second)
        pair = [torch.from_numpy(np.array(t.numpy())) for t in (a, b)]
        assert str(mt.result_type(a, b)) == str(torch.result_type(*pair)).removeprefix("torch.")


def test_several_operands_meet_in_the_highest_category_and_the_highest_rank():
    integers, zero, floats = mt.ones(2).long(), mt.tensor(1.0, dtype=mt.float64), mt.ones(2)
    assert mt.result_type(integers, zero) == mt.float64
    assert mt.result_type(integers, zero, floats) == mt.float32
    assert mt.result_type(integers, 2.5) == mt.float32


def test_shapes_broadcast_or_are_refused():
    assert mt.broadcast_shapes((2, 1), (3,), (1, 1, 1)) == (1, 2, 3)
    with pytest.raises(RuntimeError, match=r"^broadcast_shapes: shapes \(2,\) and \(3,\) do not"):
        mt.broadcast_shapes((2,), (3,))


def test_limits_of_dtypes_have_pytorch_s_names():
    assert mt.finfo(mt.float32).eps == 2**-23 and mt.iinfo(mt.int8).max == 127
