"""Mean, variance, deviation and norms in every way to call them, against PyTorch and NumPy."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.tensor import Tensor
from tests.tensor.parity import compare, dtype_in

INF = np.inf
X = np.random.default_rng(0).standard_normal((2, 3, 4))

# The arguments of var, std, var_mean, std_mean
CALLS = [
    ((), {}),
    ((True,), {}),
    ((False,), {}),
    ((0,), {}),
    ((0, False), {}),
    ((-1, True, True), {}),
    ((1, False, True), {}),
    (((0, 2), False), {}),
    (([1, -1],), {"unbiased": False}),
    ((None, False), {}),
    ((None, True, True), {}),
    (((), False), {}),
    (([],), {"correction": 0}),
    ((), {"unbiased": False}),
    ((), {"dim": 0, "unbiased": False, "keepdim": True}),
    ((), {"dim": (0, 1), "keepdim": True}),
    ((), {"correction": None}),
    ((0,), {"correction": None, "keepdim": True}),
    ((1,), {"correction": 0.5}),
    ((0,), {"correction": 2}),
    ((0,), {"correction": 7}),
    ((0,), {"correction": 0, "keepdim": True}),
    # refused
    ((True,), {"keepdim": True}),
    ((False, True), {}),
    ((0, 1), {}),
    ((0, None, True), {}),
    ((), {"unbiased": None}),
    ((0, False), {"correction": 1}),
    ((), {"unbiased": True, "correction": 1}),
    ((3,), {}),
    (((0, 0),), {}),
    ((1.5,), {}),
    (("a",), {}),
]


@pytest.mark.parametrize("args, options", CALLS, ids=str)
@pytest.mark.parametrize("name", ["var", "std", "var_mean", "std_mean"])
@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
def test_spreads_take_their_arguments_as_pytorchs_do(name, args, options, torch):
    if None in args[1:] or (options.get("unbiased", 0) is None):
        return  # taken for left out here
    compare(torch, lambda m, x: getattr(m, name)(x, *args, **options), X)
    if name in ("var", "std"):
        compare(torch, lambda m, x: getattr(x, name)(*args, **options), X)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (0, 3), (3, 0), (1, 2)])
@pytest.mark.parametrize("name", ["var", "std", "var_mean", "std_mean"])
@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
def test_too_few_numbers_have_no_spread(name, shape, torch):
    for dim in (None, 0, -1):
        for unbiased in (True, False):
            compare(torch, lambda m, x: getattr(m, name)(x, dim, unbiased), np.ones(shape))  # noqa: B023


def test_the_spread_of_numbers_far_from_zero_is_as_exact_as_of_others():
    for dtype, offset, operator in ((np.float32, 1e4, 1e-6), (np.float64, 1e9, 1e-12)):
        x = (offset + np.random.default_rng(0).standard_normal((5, 400))).astype(dtype)
        exact = (x - x[:, :1]).astype(np.float64).var(1, ddof=1)
        np.testing.assert_allclose(mt.tensor(x).var(1), exact, rtol=operator)
    assert mt.full((7,), 0.1).std().item() == 0


def test_spreads_are_numpys():
    t = Tensor(X)
    np.testing.assert_allclose(t.var((0, 2), False), X.var((0, 2)), rtol=1e-12)
    np.testing.assert_allclose(t.std(1), X.std(1, ddof=1), rtol=1e-12)
    for pair, spread in ((mt.var_mean, np.var), (mt.std_mean, np.std)):
        y, mean = pair(t, 1, keepdim=True)
        np.testing.assert_allclose(y, spread(X, 1, ddof=1, keepdims=True), rtol=1e-12)
        np.testing.assert_allclose(mean, X.mean(1, keepdims=True), rtol=1e-12)


NORMS = [
    ((), {}),
    (("fro",), {}),
    ((None,), {}),
    ((2, 0, True), {}),
    ((1, (0, -1)), {}),
    ((INF, [0, 1], True), {}),
    ((3,), {"dim": -1, "keepdim": True}),
    ((), {"p": 2, "dim": 0, "keepdim": False}),
    ((), {"p": "fro", "dim": (1, 2)}),
    ((0, None), {}),
    (("nuc",), {}),
    (("inf",), {}),
    ((2, 5), {}),
]


@pytest.mark.parametrize("args, options", NORMS, ids=str)
def test_norms_take_their_arguments_as_pytorchs_do(args, options, torch):
    compare(torch, lambda m, x: m.norm(x, *args, **options), X)
    compare(torch, lambda m, x: x.norm(*args, **options), X)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
def test_norms_in_another_dtype_are_of_it_or_refused(dtype, torch):
    for p in (2, INF, 0, 3):
        compare(
            torch,
            lambda m, x: m.norm(x, p, dtype=dtype_in(m, dtype)),  # noqa: B023
            X.astype(np.float32),
        )
    compare(torch, lambda m, x: x.norm(2, 1, True, dtype_in(m, dtype)), X.astype(np.float16))


@pytest.mark.parametrize("p", [0, 1, 2, 3, INF, -INF, -1, 0.5])
@pytest.mark.parametrize("dim", [None, 0, 1])
def test_norms_of_nothing(p, dim, torch):
    compare(torch, lambda m, x: m.norm(x, p, dim), np.ones((0, 3)))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "bool"])
@pytest.mark.parametrize("given", ["float16", "float32", "float64", "int32", "bool", "uint8"])
def test_means_in_another_dtype_are_of_it_or_refused(given, dtype, torch):
    data = np.array([[3, 0, 2], [200, 1, 1]]).astype(given)
    for dim in (None, 1):
        compare(torch, lambda m, x: m.mean(x, dim, dtype=dtype_in(m, dtype)), data, rtol=1e-3)  # noqa: B023


def test_the_gradient_of_a_mean_in_another_dtype_has_the_inputs():
    x = mt.ones(4, dtype=mt.float16, requires_grad=True)
    y = x.mean(dtype=mt.float32)
    y.backward()
    assert y.dtype == mt.float32 and x.grad.dtype == mt.float16
    assert x.grad.tolist() == [0.25] * 4
