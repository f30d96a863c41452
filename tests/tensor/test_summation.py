"""Long sums are as exact as short ones, along any axes of any layout, against NumPy in float64."""

import itertools

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.tensor import Tensor
from minitorch_cnn.tensor.summation import total

X = np.random.default_rng(0).uniform(0.05, 0.15, (600, 5, 23, 2)).astype(np.float32)
LAYOUTS = {
    "contiguous": X,
    "transposed": X.transpose(3, 2, 1, 0),
    "moved": X.transpose(1, 0, 3, 2),
    "sliced": X[::2, :, 1:, ::-1],
    "repeated": np.broadcast_to(X[:, :1, :, :1], X.shape),
    "in float64": X.astype(np.float64),
}
AXES = [axes for k in (1, 2, 3, 4) for axes in itertools.combinations(range(4), k)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_sums_are_those_of_float64(layout):
    x = LAYOUTS[layout]
    for axes, keepdim in itertools.product(AXES, (False, True)):
        y = total(x, axes, keepdim)
        exact = x.sum(axes, dtype=np.float64, keepdims=keepdim)
        assert y.shape == exact.shape and y.dtype == x.dtype
        np.testing.assert_allclose(y, exact, rtol=2e-6 if x.dtype == np.float32 else 1e-13)


@pytest.mark.parametrize("n", [511, 512, 513, 1023, 262_145])
def test_no_term_is_left_out_or_counted_twice(n):
    x = np.ones((n, 2), np.float32)
    assert total(x, (0,), False).tolist() == [n, n]
    assert total(np.asfortranarray(x.T), (1,), False).tolist() == [n, n]
    assert total(np.arange(n)[:, None] + np.zeros(2), (0,), False)[0] == n * (n - 1) // 2


def test_integers_and_nothing_have_sums(rng):
    x = rng.integers(-5, 5, (2000, 3))
    np.testing.assert_array_equal(total(x, (0,), False), x.sum(0))
    assert total(np.ones((3, 0), np.float32), (1,), True).tolist() == [[0]] * 3
    assert total(np.ones((0, 1000), np.float32), (1,), False).shape == (0,)
    assert total(np.float32(3).reshape(()), (), False) == 3


N = 1_000_000
LONG = {
    "sum": (lambda x: x.sum(0), N * 0.1),
    "mean": (lambda x: x.mean(0), 0.1),
    "sum of a transposed": (lambda x: x.T.sum(1), N * 0.1),
    "norm": (lambda x: x.norm(dim=0), np.sqrt(N) * 0.1),
    "cumsum": (lambda x: x.cumsum(0)[-1], N * 0.1),
    "logsumexp": (lambda x: x.logsumexp(0), 0.1 + np.log(N)),
    "softmax": (lambda x: x.softmax(0)[0], 1 / N),
    "log_softmax": (lambda x: x.log_softmax(0)[0], -np.log(N)),
}


@pytest.mark.parametrize("name", LONG)
def test_a_million_rows_lose_nothing(name):
    fn, expected = LONG[name]
    np.testing.assert_allclose(fn(mt.full((N, 2), 0.1)), expected, rtol=1e-5)


def test_the_gradient_of_what_was_broadcast_to_a_million_rows_loses_nothing():
    b = Tensor(np.zeros(2, np.float32), requires_grad=True)
    ((mt.zeros(N, 2) + b) * 0.1).sum().backward()
    np.testing.assert_allclose(b.grad, N * 0.1, rtol=1e-5)
