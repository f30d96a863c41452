"""Comparisons and logic, against PyTorch."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.tensor import Tensor
from tests.tensor.parity import compare

PAIRS = ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor")
BITS = ("bitwise_and", "bitwise_or", "bitwise_xor")
ODD = [0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_of_odd_numbers(name, torch):
    a, b = np.meshgrid(ODD, ODD)
    compare(torch, lambda m, x, y: getattr(m, name)(x, y), a, b)


@pytest.mark.parametrize("name", PAIRS[:6])
@pytest.mark.parametrize("number", [1, 0.5, True, np.nan])
def test_a_tensor_and_a_number(name, number, torch):
    for data in ([0, 1, 2], [0.5, 1.0], [True, False]):
        compare(torch, lambda m, x: getattr(x, name)(number), data)


@pytest.mark.parametrize("name", BITS)
@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "float32"])
def test_bits(name, dtype, torch):
    a, b = np.meshgrid([0, 1, 5, 6], [0, 1, 3])
    compare(torch, lambda m, x, y: getattr(m, name)(x, y), a.astype(dtype), b.astype(dtype))


@pytest.mark.parametrize("name", ["logical_not", "bitwise_not", "isnan", "isinf", "isfinite"])
@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "float32"])
def test_of_one(name, dtype, torch):
    data = np.array(ODD if dtype == "float32" else [0, 1, 1]).astype(dtype)
    compare(torch, lambda m, x: getattr(m, name)(x), data)


@pytest.mark.parametrize(
    "expression", ["~a", "a & b", "a | b", "a ^ b", "True & a", "a | False", "a ^ True"]
)
def test_operators_on_masks(expression, torch):
    compare(torch, lambda m, a, b: eval(expression, {"a": a, "b": b}), [True, False], [True, True])


def test_equal_and_allclose(torch):
    pairs = [
        ([1.0, 2], [1.0, 2]),
        ([1.0], [1.0 + 1e-7]),
        ([1.0], [1.1]),
        ([1.0], [[1.0]]),
        ([np.nan], [np.nan]),
    ]
    for a, b in pairs:
        compare(torch, lambda m, x, y: m.equal(x, y), a, b)
        if np.shape(a) == np.shape(b):
            compare(torch, lambda m, x, y: m.allclose(x, y), a, b)
            compare(torch, lambda m, x, y: m.allclose(x, y, equal_nan=True), a, b)


def test_comparisons_have_no_gradient():
    x = mt.ones(2, requires_grad=True)
    assert not (x > 0).requires_grad and (x > 0).dtype == mt.bool_


def test_what_is_no_operand_is_unequal():
    x = mt.ones(2)
    assert (x == "text") is False and (x != None) is True  # noqa: E711
    assert x in [x] and mt.tensor(1.0) in x and 2 not in x


@pytest.mark.parametrize("name", [*BITS, "bitwise_not"])
def test_bits_of_floats_are_refused_by_name(name):
    args = [mt.ones(2)] * (1 if name == "bitwise_not" else 2)
    with pytest.raises(TypeError, match=rf"^{name}: dtype float32 must be integer or bool"):
        getattr(mt, name)(*args)


def test_the_functions_have_names_and_words():
    assert mt.eq.__name__ == "eq" and mt.eq.__doc__ and isinstance(mt.eq(1, mt.ones(1)), Tensor)
