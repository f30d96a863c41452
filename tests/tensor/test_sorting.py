"""Sorting, against PyTorch: ties, NaNs, every dtype."""

import numpy as np
import pytest

from tests.tensor.parity import compare

NAN, INF = np.nan, np.inf
SORTS = [
    [[3.0, 1, 2], [1, 1, 0]],
    [[NAN, 1, NAN], [INF, NAN, -INF]],
    [[2.0, 2, 2], [-0.0, 0.0, -1]],
]


@pytest.mark.parametrize("data", SORTS)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_sorting_with_ties_and_nans(data, descending, dim, torch):
    compare(torch, lambda m, x: tuple(m.sort(x, dim=dim, descending=descending, stable=True)), data)
    compare(torch, lambda m, x: m.argsort(x, dim=dim, descending=descending, stable=True), data)


@pytest.mark.parametrize("data", SORTS)
@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize("k", [0, 1, 2, 3, 4])
def test_topk_values_with_ties_and_nans(data, largest, k, torch):
    compare(torch, lambda m, x: m.topk(x, k, dim=1, largest=largest)[0], data)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool, np.float32])
def test_sorting_any_dtype(dtype, torch):
    data = np.array([[1, 0, 1, 0], [0, 1, 1, 1]]).astype(dtype)
    compare(torch, lambda m, x: tuple(m.sort(x, dim=-1, stable=True)), data)
    compare(torch, lambda m, x: tuple(m.sort(x, dim=-1, descending=True, stable=True)), data)


def test_sort_of_a_0_d_or_empty_tensor(torch):
    compare(torch, lambda m, x: tuple(m.sort(x)), 3.0)
    compare(torch, lambda m, x: tuple(m.sort(x)), np.zeros((2, 0)))
    compare(torch, lambda m, x: tuple(m.topk(x, 1)), 3.0)
