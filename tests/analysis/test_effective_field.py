"""The effective receptive field of a linear stack is its kernels, convolved."""

import numpy as np
import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis import effective_receptive_field
from minitorch_cnn.models import create_model

from .nets import drawn


def stack(kernels, side=15):
    convs = [nn.Conv2d(1, 1, 3, padding=1, bias=False).double() for _ in kernels]
    for conv, kernel in zip(convs, kernels, strict=True):
        conv.weight.array[:] = kernel
    return nn.Sequential(*convs)


def correlated(a, b):
    """The full two-dimensional convolution of two kernels."""
    out = np.zeros([m + n - 1 for m, n in zip(a.shape, b.shape, strict=True)])
    for (i, j), v in np.ndenumerate(a):
        out[i : i + b.shape[0], j : j + b.shape[1]] += v * b
    return out


def test_the_field_of_a_linear_stack_is_the_convolution_of_its_kernels():
    kernels = np.random.default_rng(0).random((3, 3, 3))
    found = effective_receptive_field(stack(kernels), (1, 15, 15), samples=2)
    expected = np.zeros((15, 15))
    expected[4:11, 4:11] = correlated(correlated(*kernels[:2]), kernels[2])
    assert np.allclose(found.gradient, expected)
    assert found.window == (4, 4, 11, 11) and found.theoretical == (7, 7)
    counted = (expected >= 0.0455 * expected.max()).sum()
    assert found.size == pytest.approx(np.sqrt(counted))
    assert "by formula 7 x 7" in drawn(found).get_suptitle()


def test_of_equal_weights_the_share_of_the_field_that_counts_falls_with_depth():
    shares = []
    for depth in (2, 6, 20):
        found = effective_receptive_field(stack(np.ones((depth, 3, 3))), (1, 61, 61), samples=1)
        shares.append(found.size / found.theoretical[0])
    # Of n layers the bell's deviation is sqrt(2 n / 3), and 2.5 of them count to each side.
    assert shares[0] > shares[1] > shares[2] and shares[2] < 0.5
    assert found.size == pytest.approx(np.sqrt(np.pi * 2 * np.log(1 / 0.0455) * 40 / 3), rel=0.03)


def test_the_window_is_cut_off_at_the_edges_and_holds_all_of_the_gradient():
    model = create_model("resnet20_cifar", width=0.25)
    found = effective_receptive_field(model, (3, 32, 32), "layer1.2", samples=2)
    top, left, bottom, right = found.window
    outside = found.gradient.copy()
    outside[top:bottom, left:right] = 0
    assert not outside.any() and found.gradient[16, 16] > 0
    assert effective_receptive_field(model, (3, 32, 32), samples=1).window == (0, 0, 32, 32)


def test_what_cannot_be_is_refused():
    model = stack(np.ones((1, 3, 3)))
    with pytest.raises(KeyError, match="effective_receptive_field: layer='x' names no"):
        effective_receptive_field(model, (1, 5, 5), "x")
    with pytest.raises(ValueError, match="effective_receptive_field: samples=0 must be at least 1"):
        effective_receptive_field(model, (1, 5, 5), samples=0)
