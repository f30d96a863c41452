"""Layers with TensorFlow's padding have ceil(n / stride) outputs, and what is odd lies behind."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models.same import SameAvgPool2d, SameConv2d, SameMaxPool2d, same_padding
from tests import oracle
from tests.models.compare import gradients_are_slopes

sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))


def sides(size, kernel, stride, dilation=1):
    """The padding in front of and behind each axis, as TensorFlow's documentation has it."""
    found = []
    for n in size:
        k = dilation * (kernel - 1) + 1
        total = max(k - stride if n % stride == 0 else k - n % stride, 0)
        found.append((total // 2, total - total // 2))
    return found


@given(sizes, st.integers(1, 5), st.integers(1, 3), st.integers(1, 2))
@settings(max_examples=60, deadline=None)
def test_a_convolution_is_padded_as_tensorflows(size, kernel, stride, dilation):
    conv, x = SameConv2d(4, 6, kernel, stride, dilation, groups=2), mt.randn(2, 4, *size)
    w, padding = conv.weight.detach().numpy(), sides(size, kernel, stride, dilation)
    step, apart = (stride, stride), (dilation, dilation)
    expected = oracle.conv2d(x.numpy(), w, step, padding, apart, groups=2)
    assert expected.shape[2:] == tuple(-(-n // stride) for n in size)
    np.testing.assert_allclose(conv(x).detach().numpy(), expected, atol=1e-5)


@given(sizes, st.sampled_from([1, 3, 5, 7]), st.integers(1, 2))
@settings(max_examples=60, deadline=None)
def test_poolings_look_at_the_image_alone(size, kernel, stride):
    x, padding = mt.randn(2, 3, *size), sides(size, kernel, stride)
    for layer, pool, counting in (
        (SameMaxPool2d, oracle.max_pool2d, ()),
        (SameAvgPool2d, oracle.avg_pool2d, (False,)),
    ):
        window = (kernel, kernel), (stride, stride), padding
        expected = pool(x.numpy(), *window, *counting)
        assert expected.shape[2:] == tuple(-(-n // stride) for n in size)
        np.testing.assert_allclose(layer(kernel, stride)(x).numpy(), expected, atol=1e-6)


def test_flat_windows_are_padded_along_one_axis():
    assert same_padding((8, 9), (1, 7), (1, 2)) == (0, 6)
    assert same_padding((8, 9), (7, 1), (2, 1)) == (5, 0)
    assert SameConv2d(1, 1, (1, 7), (1, 2))(mt.zeros(0, 1, 8, 9)).shape == (0, 1, 8, 5)


@pytest.mark.parametrize("layer", [SameConv2d(2, 3, 3), SameMaxPool2d(3, 2), SameAvgPool2d(3, 2)])
def test_a_layer_says_how_it_is_padded(layer):
    assert layer.padding == "same"
    assert "padding=same" in repr(layer).replace("'", "")


def test_a_convolution_has_no_bias_and_is_an_ordinary_one_to_those_who_count():
    conv = SameConv2d(2, 3, 3, 2)
    assert isinstance(conv, nn.Conv2d) and conv.bias is None


@pytest.mark.parametrize("shape", [(1, 2, 4, 5), (1, 2, 5, 4)])
def test_the_gradients_of_a_convolution_are_slopes(shape):
    gradients_are_slopes(SameConv2d(2, 3, 3, 2), *shape)
