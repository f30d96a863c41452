"""Notebook 6: checks of factorised convolutions, 1 x 1 layers and an Inception module."""

import math

import numpy as np

from ..functional import conv2d, max_pool2d
from ..tensor import cat, tensor
from .answer import check
from .compare import No, array, compare

SEED = 6


@check
def field(function) -> str:
    """field(kernels) -> the receptive field of a chain of convolutions with stride 1."""
    for kernels in [(3, 3), (3, 3, 3), (5,), (1, 3, 1), (7, 7), (3, 5)]:
        of = f"the field of kernels {kernels}"
        right = 1 + sum(kernels) - len(kernels)
        compare(function(kernels), right, of, mistakes=[
            (f"{of} is the sum of the kernels: windows overlap", sum(kernels)),
            (f"{of} is the product of the kernels", math.prod(kernels)),
            (f"{of} lacks the one pixel that it begins with", right - 1),
            (f"{of} is that of the largest kernel alone", max(kernels)),
            (f"{of} is that of the last kernel alone: it adds up", kernels[-1]),
            (f"{of} adds K for each layer, where K - 1 are new", 1 + sum(kernels)),
        ])  # fmt: skip
    return "six chains"


@check
def macs(function) -> str:
    """macs(channels, kernels) -> multiply-adds per position of a chain of convolutions."""
    cases = [
        ((256, 256), ((3, 3),)),
        ((256, 64, 64, 256), ((1, 1), (3, 3), (1, 1))),
        ((8, 8, 8), ((1, 5), (5, 1))),
        ((4, 6, 2), ((3, 1), (1, 5))),
    ]
    for channels, kernels in cases:
        steps = list(zip(channels[:-1], channels[1:], kernels, strict=True))
        costs = [c * o * height * width for c, o, (height, width) in steps]
        of = f"the cost of channels {channels} with kernels {kernels}"
        compare(function(channels, kernels), sum(costs), of, mistakes=[
            (f"{of} is a product over the layers: they add up", math.prod(costs)),
            (f"{of} is that of the last layer alone: += and not =", costs[-1]),
            (f"{of} is that of the first layer alone", costs[0]),
            (f"{of} takes height + width, not height times width",
             sum(c * o * (height + width) for c, o, (height, width) in steps)),
            (f"{of} takes height for both sides of the window",
             sum(c * o * height**2 for c, o, (height, _) in steps)),
            (f"{of} takes width for both sides of the window",
             sum(c * o * width**2 for c, o, (_, width) in steps)),
            (f"{of} lacks the channels that go in", sum(o * h * w for _, o, (h, w) in steps)),
            (f"{of} lacks the channels that come out", sum(c * h * w for c, _, (h, w) in steps)),
            (f"{of} takes the channels that go in for those that come out",
             sum(c * c * h * w for c, _, (h, w) in steps)),
            (f"{of} takes the channels that come out for those that go in",
             sum(o * o * h * w for _, o, (h, w) in steps)),
            (f"{of} counts biases, which are free", sum(costs) + sum(channels[1:])),
        ])  # fmt: skip
    return "a 3 x 3, a bottleneck and two flattened windows"


@check
def pointwise(function) -> str:
    """pointwise(x, w) -> y (N, O, H, W), the 1 x 1 convolution as a product of matrices."""
    rng = np.random.default_rng(SEED)
    for O, C in ((6, 3), (4, 4)):
        x, w = rng.standard_normal((2, C, 4, 5)), rng.standard_normal((O, C))
        right = np.einsum("oc,nchw->nohw", w, x)
        last = np.einsum("o,nhw->nohw", w[:, -1], x[:, -1])
        mistakes = [
            ("the channels of w are in reverse order", np.einsum("oc,nchw->nohw", w[:, ::-1], x)),
            ("only the last channel counts, where all have to add up: = for +=?", last),
            ("the axes of y are in another order: N, O, H, W", right.swapaxes(0, 1)),
            ("the axes of y are in another order: O comes second, not last",
             right.transpose(0, 2, 3, 1)),
            ("the axes of y are reshaped, and should be transposed",
             right.transpose(0, 2, 3, 1).reshape(right.shape)),
            ("the axes of y are reshaped, and should be swapped: O comes before N there",
             right.swapaxes(0, 1).reshape(right.shape)),
        ]  # fmt: skip
        if O == C:
            turned = np.einsum("co,nchw->nohw", w, x)
            mistakes.append(("w is the wrong way round: it is (O, C)", turned))
        compare(function(x, w), right, "y", mistakes=mistakes)
    return "every pixel's channels times the matrix"


def module_of(x, w, inner=True, outer=True, order=(0, 1, 2, 3), pool=True) -> object:
    """An Inception module, whole or with something left out."""

    def relu(y, there):
        return y.relu() if there else y

    three = conv2d(relu(conv2d(x, w["3x3 reduce"]), inner), w["3x3"], padding=1)
    five = conv2d(relu(conv2d(x, w["5x5 reduce"]), inner), w["5x5"], padding=2)
    pooled = conv2d(max_pool2d(x, 3, 1, 1) if pool else x, w["pool"])
    branches = [relu(y, outer) for y in (conv2d(x, w["1x1"]), three, five, pooled)]
    return cat([branches[i] for i in order], dim=1)


@check
def module(function) -> str:
    """inception(x, w) -> the four branches of an Inception module, joined."""
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
    mine = function(x, w)
    if mine is not None and array(mine).shape[:1] == (8,):
        raise No("the branches lie behind each other in the batch, not in the channels")
    if mine is not None and array(mine).shape[1:2] != (14,):
        raise No(f"the output has shape {array(mine).shape}: all branches together have 14 maps")
    mistakes = [
        ("no ReLU follows the 1 x 1 convolutions before the larger ones",
         module_of(x, w, inner=False)),
        ("no ReLU follows the last convolution of each branch", module_of(x, w, outer=False)),
        ("there is no ReLU", module_of(x, w, inner=False, outer=False)),
        ("the branch pool has no maximum before its 1 x 1", module_of(x, w, pool=False)),
        *[("the branches are in another order: 1x1, 3x3, 5x5, pool", module_of(x, w, order=o))
          for o in ((3, 2, 1, 0), (0, 2, 1, 3), (1, 0, 2, 3), (0, 1, 3, 2), (3, 0, 1, 2))],
    ]  # fmt: skip
    compare(mine, module_of(x, w), "the output", mistakes=mistakes)
    return "four branches beside each other, with a ReLU after every convolution"


@check
def averaging(function) -> str:
    """global_average(x) -> (N, C), the mean of each map, of any size."""
    rng = np.random.default_rng(SEED)
    for size in ((2, 3, 7, 7), (1, 4, 5, 9)):
        x = rng.standard_normal(size)
        of = f"the average over {size[2]} x {size[3]}"
        mine = array(function(tensor(x)))
        if mine.shape == (size[0], size[1], 1, 1):
            raise No(f"{of} has shape {mine.shape}: N and C are left, without axes of length 1")
        if mine.shape in ((size[0], *size[2:]), (size[0],), ()):
            raise No(f"{of} has shape {mine.shape}: channels are averaged, too, or instead")
        compare(mine, x.mean((2, 3)), of, mistakes=[
            (f"{of} is a sum: divide by the number of pixels", x.sum((2, 3))),
            (f"{of} is the maximum", x.max((2, 3))),
            (f"{of} is divided by 49 for any size of map", x.sum((2, 3)) / 49),
            (f"{of} is divided by one side of the map only", x.sum((2, 3)) / size[2]),
            (f"{of} is divided by one side of the map only", x.sum((2, 3)) / size[3]),
        ])  # fmt: skip
    return "one number for each map, whatever its size"
