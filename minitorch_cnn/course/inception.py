"""Notebook 6: checks of factorised convolutions, 1 x 1 layers and an Inception module."""

import numpy as np

from ..functional import conv2d, max_pool2d
from ..tensor import cat, tensor
from .answer import No, array, check, compare

SEED = 6


@check
def field(function) -> str:
    """function(kernels) -> the receptive field of a chain of convolutions with stride 1."""
    for kernels, right in [((3, 3), 5), ((3, 3, 3), 7), ((5,), 5), ((1, 3, 1), 3), ((7, 7), 13)]:
        if function(kernels) != right:
            raise No(f"kernels {kernels} see not {function(kernels)} pixels a side")
    return "five chains"


@check
def macs(function) -> str:
    """function(channels, kernels) -> multiply-adds per position of a chain of convolutions."""
    cases = [
        ((256, 256), ((3, 3),), 589_824),
        ((256, 64, 64, 256), ((1, 1), (3, 3), (1, 1)), 69_632),
        ((8, 8, 8), ((1, 5), (5, 1)), 640),
    ]
    for channels, kernels, right in cases:
        if function(channels, kernels) != right:
            ratio = function(channels, kernels) / right
            raise No(
                f"channels {channels} with kernels {kernels}: {ratio:.3g} times the right cost"
            )
    return "a 3 x 3, a bottleneck and a flattened 5 x 5"


@check
def pointwise(function) -> str:
    """function(x, w) -> y, the 1 x 1 convolution as a product of matrices."""
    rng = np.random.default_rng(SEED)
    x, w = rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((6, 3))
    right = conv2d(tensor(x), tensor(w.reshape(6, 3, 1, 1)))
    compare(function(x, w), right, "y")
    return "every pixel's channels times the matrix"


@check
def module(function) -> str:
    """function(x, weights) -> the four branches of an Inception module, joined."""
    rng = np.random.default_rng(SEED)
    shapes = {
        "1x1": (4, 3, 1, 1),
        "3x3 reduce": (2, 3, 1, 1),
        "3x3": (5, 2, 3, 3),
        "5x5 reduce": (2, 3, 1, 1),
        "5x5": (3, 2, 5, 5),
        "pool": (2, 3, 1, 1),
    }
    w = {name: tensor(rng.standard_normal(shape)) for name, shape in shapes.items()}
    x = tensor(rng.standard_normal((2, 3, 6, 6)))
    three = conv2d(conv2d(x, w["3x3 reduce"]).relu(), w["3x3"], padding=1).relu()
    five = conv2d(conv2d(x, w["5x5 reduce"]).relu(), w["5x5"], padding=2).relu()
    pool = conv2d(max_pool2d(x, 3, 1, 1), w["pool"]).relu()
    right = cat([conv2d(x, w["1x1"]).relu(), three, five, pool], dim=1)
    mine = function(x, w)
    if mine is not None and array(mine).shape[:1] == (8,):
        raise No("the branches lie behind each other in the batch, not in the channels")
    compare(mine, right, "the output")
    return "four branches beside each other, with a ReLU after every convolution"


@check
def averaging(function) -> str:
    """function(x) -> (N, C), the mean of each map, of any size."""
    rng = np.random.default_rng(SEED)
    for size in ((2, 3, 7, 7), (1, 4, 5, 9)):
        x = rng.standard_normal(size)
        compare(function(tensor(x)), x.mean((2, 3)), f"the average over {size[2]} x {size[3]}")
    return "one number for each map, whatever its size"
