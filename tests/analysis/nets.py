"""Small nets for which the results of the analyses are known."""

import numpy as np

from minitorch_cnn import nn
from minitorch_cnn.tensor import Tensor


class Residual(nn.Module):
    """x + branch(x), with relu max(y, 0)."""

    def __init__(self, branch, relu=False):
        super().__init__()
        self.branch, self.relu = branch, relu

    def forward(self, x):
        y = self.branch(x) + x
        return nn.functional.relu(y) if self.relu else y


def scaling(factor, channels=2):
    """A 1 x 1 convolution that multiplies by a number, without a bias."""
    conv = nn.Conv2d(channels, channels, 1, bias=False)
    conv.weight.array[:] = factor * np.eye(channels)[:, :, None, None]
    return conv.double()


def head(channels=2):
    """The means of the maps as logits."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())


def linear_residual_net(factors):
    """Blocks x + f x of two channels, and the maps' means: by hand, logits = prod(1 + f) mean."""
    return nn.Sequential(*(Residual(scaling(f)) for f in factors), head()).eval()


def images(n=4, channels=2, side=3, seed=0):
    """Random images (n, channels, side, side) in float64."""
    return Tensor(np.random.default_rng(seed).normal(size=(n, channels, side, side)))


def drawn(result, **settings):
    """The figure of a result, drawn and readable."""
    import pytest

    pytest.importorskip("matplotlib")
    from tests.pictures import assert_readable

    figure = result.plot(**settings)
    assert_readable(figure)
    return figure
