"""Sharing weights takes a trillion of them to ten thousand."""

import numpy as np
import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis import weights_by_connection


def test_the_weights_of_the_lecture_are_a_trillion_100_million_and_10_thousand():
    assert weights_by_connection() == (10**12, 10**8, 10**4)


def test_the_counts_are_those_of_layers():
    """An image of 6 x 6, two maps of 4 x 4 units: a linear layer, 32 fields, a convolution."""
    full, local, shared = weights_by_connection(pixels=36, units=32, field=3, maps=2)
    assert full == nn.Linear(36, 32, bias=False).weight.numel()
    assert shared == nn.Conv2d(1, 2, 3, bias=False).weight.numel()
    connected = np.zeros((32, 6, 6), bool)
    for k, (i, j) in enumerate([(i, j) for _ in range(2) for i in range(4) for j in range(4)]):
        connected[k, i : i + 3, j : j + 3] = True
    assert local == connected.sum()


def test_a_window_of_three_on_d_channels_has_three_d_squared_weights_and_d_biases():
    for d in (1, 5, 64):
        layer = nn.Conv1d(d, d, 3)
        assert sum(p.numel() for p in layer.parameters()) == 3 * d**2 + d


def test_a_number_below_one_is_refused():
    with pytest.raises(ValueError, match="weights_by_connection: field=0 must be at least 1"):
        weights_by_connection(field=0)
