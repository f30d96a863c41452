"""Gathering and scattering at positions along an axis, against PyTorch."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.tensor import Tensor
from tests.tensor.parity import compare

GATHERS = {
    "gather": lambda m, x: m.gather(x, 1, m.tensor([[2, 0], [1, 1]])),
    "gather, shorter": lambda m, x: x.gather(1, m.tensor([[2, 0]])),
    "gather, longer": lambda m, x: x.gather(1, m.tensor([[0]] * 3)),
    "gather, outside": lambda m, x: x.gather(1, m.tensor([[3]])),
    "gather, negative": lambda m, x: x.gather(1, m.tensor([[-1]])),
    "gather, float": lambda m, x: x.gather(1, m.tensor([[1.0]])),
    "gather, axes": lambda m, x: x.gather(0, m.tensor([0])),
    "gather, empty": lambda m, x: x.gather(0, m.zeros(0, 3, dtype=m.int64)),
    "scatter_add": lambda m, x: m.scatter_add(x, 0, m.tensor([[0, 0, 1]]), x[1:]),
    "scatter_add, outside": lambda m, x: m.scatter_add(x, 0, m.tensor([[0, 2, 1]]), x[1:]),
    "scatter_add, small source": lambda m, x: m.scatter_add(x, 0, m.tensor([[0] * 3] * 2), x[1:]),
    "index_select": lambda m, x: m.index_select(x, 0, m.tensor([1, 1, 0])),
    "index_select, 0-d": lambda m, x: x.index_select(1, m.tensor(2)),
    "index_select, outside": lambda m, x: x.index_select(0, m.tensor([2])),
    "index_select, 2-d": lambda m, x: x.index_select(0, m.tensor([[1]])),
    "take_along_dim": lambda m, x: m.take_along_dim(x, m.tensor([[1], [2]]), 1),
    "take_along_dim, broadcast": lambda m, x: m.take_along_dim(x, m.tensor([[1, 2]]), 1),
    "nonzero": lambda m, x: m.nonzero(x),
    "nonzero, 0-d": lambda m, x: m.nonzero(m.tensor(1.0)),
}  # fmt: skip


@pytest.mark.parametrize("name", GATHERS)
def test_gathering_and_scattering(name, torch):
    compare(torch, GATHERS[name], [[0.0, 1, 2], [3, 0, 5]])


def test_a_source_may_be_larger_than_its_index():
    source = Tensor(np.ones((3, 4)), requires_grad=True)
    y = mt.scatter_add(mt.zeros(2, 3, dtype=mt.float64), 0, mt.tensor([[1, 0], [1, 1]]), source)
    assert y.tolist() == [[0, 1, 0], [2, 1, 0]]
    y.sum().backward()
    assert source.grad.tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]]
