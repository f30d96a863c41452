"""Offsets of activations by closed forms, and the arrays that a graph keeps, counted by hand."""

import math

import numpy as np
import pytest

from minitorch_cnn import functional as F
from minitorch_cnn import nn
from minitorch_cnn.analysis.claims.activations import kept_bytes, offset
from minitorch_cnn.tensor import Tensor

NORMAL = np.random.default_rng(0).normal(size=400_000)


def test_the_offset_of_a_relu_of_normal_numbers_is_one_over_the_root_of_pi():
    relu = F.relu(Tensor(NORMAL)).array
    assert offset(relu) == pytest.approx(1 / math.sqrt(math.pi), rel=5e-3)


def test_the_offset_of_an_elu_is_smaller_by_its_closed_form():
    def phi(x):
        return 0.5 * (1 + math.erf(x / math.sqrt(2)))

    # E[elu] = 1 / sqrt(2 pi) + e^(1/2) phi(-1) - 1/2; E[elu^2] by e^x and e^2x on x < 0
    mean = 1 / math.sqrt(2 * math.pi) + math.exp(0.5) * phi(-1) - 0.5
    square = 0.5 + math.exp(2) * phi(-2) - 2 * math.exp(0.5) * phi(-1) + 0.5
    elu = F.elu(Tensor(NORMAL)).array
    assert offset(elu) == pytest.approx(mean / math.sqrt(square), rel=1e-2)
    assert offset(elu) < offset(F.relu(Tensor(NORMAL)).array)


def test_a_constant_has_offset_one_and_zeros_have_none():
    assert offset(np.full(5, 3.0)) == 1 and offset(np.zeros(5)) == 0


@pytest.mark.parametrize(
    "activation, arrays", [(nn.ReLU, 1), (nn.Tanh, 1), (nn.Sigmoid, 1), (nn.SiLU, 2), (nn.ELU, 2)]
)
def test_an_activation_before_a_convolution_keeps_its_output_once_and_some_their_input_too(
    activation, arrays
):
    first, second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 2, 1)
    x = Tensor(np.ones((3, 1, 5, 5), np.float32))
    of_one_array = 3 * 4 * 5 * 5 * 4
    assert kept_bytes(nn.Sequential(first, activation(), second), x) == arrays * of_one_array
