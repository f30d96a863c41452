"""Softmax and log_softmax of every dtype into every dtype, and what they refuse."""

import numpy as np
import pytest

import minitorch_cnn as mt
import minitorch_cnn.nn.functional as F
from tests.tensor.parity import compare, dtype_in


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "bool"])
@pytest.mark.parametrize("given", ["float16", "float32", "float64", "int64", "uint8", "bool"])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_the_result_has_the_dtype_asked_for(name, given, dtype, torch):
    data = np.array([[3, 0, 2], [9, 1, 1]]).astype(given)
    tolerance = {"rtol": 1e-3, "atol": 1e-3} if "float16" in (given, dtype) else {}
    for dim in (0, -1):
        for call in (
            lambda m, x: getattr(m, name)(x, dim, dtype=dtype_in(m, dtype)),  # noqa: B023
            lambda m, x: getattr(x, name)(dim, dtype_in(m, dtype)),  # noqa: B023
        ):
            compare(torch, call, data, **tolerance)


def test_the_gradient_flows_back_in_the_inputs_dtype(torch):
    def run(m, x):
        x.requires_grad_()
        y = x.softmax(-1, dtype=m.float64)
        (y * m.arange(3)).sum().backward()
        return [y, x.grad]

    compare(torch, run, np.array([[3, 0, 2], [9, 1, 1]], np.float32))
    x = mt.tensor([1.0, 2.0], dtype=mt.float16, requires_grad=True)
    F.log_softmax(x, 0, dtype=mt.float32)[0].backward()
    assert x.grad.dtype == mt.float16


@pytest.mark.parametrize("dim", [(0, 1), [0], 1.0, "a"])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "cumsum"])
def test_the_axis_is_one(name, dim):
    with pytest.raises(TypeError, match=f"^{name}: dim=.* must be an int"):
        getattr(mt, name)(mt.zeros(2, 3), dim)


def test_a_number_has_one_chance(torch):
    for name in ("softmax", "log_softmax"):
        for dim in (0, -1):
            compare(torch, lambda m, x: getattr(m, name)(x, dim, dtype=m.float64), 3.0)  # noqa: B023


@pytest.mark.parametrize("ndim", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_a_missing_dim_is_guessed_as_pytorch_does_with_a_warning(ndim, name):
    x = mt.tensor(np.random.default_rng(0).normal(size=(2, 3, 4, 2)[:ndim]))
    dim = 0 if ndim in (0, 1, 3) else 1
    with pytest.warns(UserWarning, match=rf"^{name}: dim is missing, and guessed to be {dim}"):
        got = getattr(mt.nn.functional, name)(x)
    assert got.equal(getattr(mt, name)(x, dim))


def test_softmin_takes_a_dtype_and_guesses_too():
    x = mt.tensor([[1.0, 2.0], [0.0, 4.0]])
    want = mt.softmax(-x, 1)
    with pytest.warns(UserWarning, match=r"dim is missing, and guessed to be 1"):
        assert F.softmin(x).equal(want)
    assert F.softmin(x, 1, dtype=mt.float64).allclose(mt.softmax(-x.double(), 1))
