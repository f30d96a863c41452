"""Counts, unique values and medians, at ties, NaNs and along axes: against PyTorch."""

import numpy as np
import pytest

import minitorch_cnn as mt
from tests.tensor.parity import compare

TIES = np.array([[3.0, 1, 3, 2], [0, 0, 5, 1], [2, 2, 2, 2]])
WITH_NAN = np.array([[3.0, np.nan, 1], [2, 0, 1], [np.nan, np.nan, 5]])


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "float16"])
def test_median_is_the_lower_middle(dtype, torch):
    x = TIES.astype(dtype)
    compare(torch, lambda m, t: [t.median(), m.median(t, 1).values, t.median(0, True).values], x)
    compare(torch, lambda m, t: m.median(t[0, :1], 0), x)


def test_a_nan_makes_the_median_nan(torch):
    compare(torch, lambda m, t: [m.median(t), *m.median(t, 1)], WITH_NAN)


def test_equal_elements_share_the_gradient_of_a_median(torch):
    def run(m, x):
        m.median(x.requires_grad_()).backward()
        return x.grad

    compare(torch, run, TIES)
    compare(torch, run, WITH_NAN)


def test_median_refuses_what_has_no_middle(torch):
    compare(torch, lambda m, t: m.median(t), np.zeros((0, 2)))
    compare(torch, lambda m, t: m.median(t, 0), np.zeros((0, 2)))
    with pytest.raises(RuntimeError, match=r"^median: axis 0 of a tensor of shape \(0, 2\)"):
        mt.zeros(0, 2).median(0)
    with pytest.raises(TypeError, match=r"^median: booleans have no order"):
        mt.tensor([True]).median()
    with pytest.raises(IndexError, match=r"^median: dim=2 must lie in"):
        mt.zeros(3, 2).median(2)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("dim", [None, 0, -1])
def test_unique_finds_elements_and_slices(inverse, counts, dim, torch):
    x = np.array([[2, 1, 2], [0, 1, 0], [2, 1, 2]])
    options = {"return_inverse": inverse, "return_counts": counts, "dim": dim}
    compare(torch, lambda m, t: m.unique(t, **options), x)
    compare(torch, lambda m, t: t.unique(True, inverse, counts, dim), x.astype(np.float32))


def test_every_nan_is_an_element_of_its_own(torch):
    compare(torch, lambda m, t: m.unique(t, return_counts=True), WITH_NAN)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "int8"])
def test_bincount_counts_and_adds_weights(dtype, torch):
    x = np.array([1, 3, 1, 0], dtype)
    compare(torch, lambda m, t: [m.bincount(t), t.bincount(minlength=6)], x)
    for weight in ("float32", "float64", "int64"):
        w = np.array([1, 2, 3, 4], weight)
        compare(torch, lambda m, t, w: m.bincount(t, w), x, w)
        compare(torch, lambda m, t, w: t.bincount(weights=w, minlength=5), x, w)
    compare(torch, lambda m, t: m.bincount(t), np.zeros(0, dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_histc_counts_intervals(dtype, torch):
    x = np.array([[0, 0.5, 1, 1.5], [2, 2.5, 3, -1]], dtype)
    for options in ({"bins": 4, "min": 0, "max": 2}, {"bins": 5}, {"bins": 3, "min": 1, "max": 1}):
        compare(torch, lambda m, t, options=options: m.histc(t, **options), x)
    compare(torch, lambda m, t: m.histc(t, 3), np.full(4, 2, dtype))


def test_count_nonzero_and_isin(torch):
    x = np.array([[0, 2, np.nan], [0, 0, 1]])
    compare(torch, lambda m, t: [m.count_nonzero(t), t.count_nonzero((0, 1))], x)
    compare(torch, lambda m, t: t.count_nonzero(dim=0), x)
    compare(torch, lambda m, t: m.isin(t, m.tensor([1.0, 2.0], dtype=m.float64)), x)
    compare(torch, lambda m, t: m.isin(t, t[1], invert=True), x)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mt.bincount(mt.ones(2)), TypeError, "^bincount: input has dtype float32"),
        (lambda: mt.bincount(mt.tensor([-1])), RuntimeError, "^bincount: input must be a vector"),
        (lambda: mt.bincount(mt.tensor([[1]])), RuntimeError, "^bincount: input must be a vector"),
        (lambda: mt.bincount(mt.tensor([1]), mt.ones(2)), RuntimeError, "^bincount: weights of"),
        (lambda: mt.histc(mt.tensor([1])), TypeError, "^histc: input has dtype int64"),
        (lambda: mt.histc(mt.ones(2), 0), ValueError, "^histc: bins=0 must be at least 1"),
        (lambda: mt.histc(mt.ones(2), 2, 3, 1), ValueError, "^histc: min=3 must not exceed max=1"),
        (lambda: mt.histc(mt.tensor([np.inf])), RuntimeError, "^histc: the range from"),
    ],
)
def test_bad_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
