"""Functions of one number at their corners, against PyTorch."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.tensor import Tensor
from tests.tensor.parity import compare

NUMBERS = [
    -np.inf,
    -1e4,
    -100.0,
    -20,
    -1,
    -0.5,
    -1e-10,
    -0.0,
    0.0,
    1e-10,
    0.5,
    1,
    1.5,
    2.5,
    20,
    90,
    np.inf,
    np.nan,
]
FUNCTIONS = [
    "neg", "abs", "square", "reciprocal", "exp", "expm1", "log", "log1p", "sqrt", "rsqrt",
    "sin", "cos", "tanh", "sigmoid", "erf", "relu", "floor", "ceil", "round", "sign", "tan", "asin",
    "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "log2", "log10", "exp2", "logit",
    "trunc", "frac",
]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients_of_odd_numbers(name, dtype, torch):
    def run(m, x):
        x.requires_grad_()
        y = getattr(m, name)(x)
        y.sum().backward()
        return [y, x.grad]

    x = np.array(NUMBERS, dtype)
    if name == "logit":
        x += 0.0  # at -0.0 PyTorch's slope is inf in one dtype and -inf in the other
    compare(
        torch,
        run,
        x,
        rtol=3e-6 if dtype == np.float32 else 1e-12,
        atol=1e-30,
    )


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "float16"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_dtypes(name, dtype, torch):
    if dtype == "bool" and name in ("abs", "floor", "ceil", "round", "trunc"):
        pytest.skip("refused by PyTorch, a bool is its own rounding")
    compare(torch, lambda m, x: getattr(m, name)(x), np.array([0, 1, 2]).astype(dtype), rtol=2e-3)


def test_sigmoid_keeps_its_bits_at_both_ends():
    x = np.array([-700.0, -80, -37, 37, 700])
    with np.errstate(over="ignore"):
        expected = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(mt.sigmoid(Tensor(x)).array, expected, rtol=1e-14)
    small = mt.sigmoid(mt.tensor([-80.0])).item()
    np.testing.assert_allclose(small, np.exp(-80.0), rtol=1e-6)


@pytest.mark.parametrize("name", ["abs", "neg", "relu"])
def test_booleans_are_refused_by_name(name):
    with pytest.raises(TypeError, match=rf"^{name}: "):
        getattr(mt, name)(mt.tensor([True]))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_number_is_refused_by_name(name):
    with pytest.raises(TypeError, match=rf"^{name}: input must be a Tensor, got float"):
        getattr(mt, name)(2.5)
