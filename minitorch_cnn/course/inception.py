"""Notebook 6: checks of factorised convolutions, 1 x 1 layers and an Inception module."""

import math

import numpy as np

from ..functional import conv2d, max_pool2d
from ..tensor import cat, tensor
from .answer import check
from .compare import No, array, compare, compare_all

SEED = 6


@check
def field(function) -> str:
    """field(kernels) -> the receptive field of a chain of convolutions with stride 1."""
    cases = [(k,) for k in ((3, 3), (3, 3, 3), (5,), (1, 3, 1), (7, 7), (3, 5), (5, 3))]

    def right(kernels):
        return 1 + sum(kernels) - len(kernels)

    compare_all(function, cases, right, "the field of kernels {0[0]}", [
        ("the field is the sum of the kernels: windows overlap", sum),
        ("the field is the product of the kernels", math.prod),
        ("the field lacks its first pixel", lambda k: right(k) - 1),
        ("the field is that of the largest kernel alone", max),
        ("the field is that of the last kernel alone: sum over all", lambda k: k[-1]),
        ("the field is that of the first kernel alone: sum over all", lambda k: k[0]),
        ("the field adds K for each layer, where K - 1 are new", lambda k: 1 + sum(k)),
    ])  # fmt: skip
    return "seven chains"


@check
def macs(function) -> str:
    """macs(channels, kernels) -> multiply-adds per position of a chain of convolutions."""
    cases = [
        ((256, 256), ((3, 3),)),
        ((256, 64, 64, 256), ((1, 1), (3, 3), (1, 1))),
        ((8, 8, 8), ((1, 5), (5, 1))),
        ((4, 6, 2), ((3, 1), (1, 5))),
    ]

    def costs(channels, kernels, cost=lambda c, o, h, w: c * o * h * w):
        steps = zip(channels[:-1], channels[1:], kernels, strict=True)
        return [cost(c, o, *window) for c, o, window in steps]

    def added(cost):
        return lambda channels, kernels: sum(costs(channels, kernels, cost))

    compare_all(function, cases, lambda *case: sum(costs(*case)),
                "the cost of channels {0[0]} with kernels {0[1]}", [
        ("the cost is a product over the layers, not a sum",
         lambda *case: math.prod(costs(*case))),
        ("the cost is that of the last layer alone: += and not =", lambda *case: costs(*case)[-1]),
        ("the cost is that of the first layer alone", lambda *case: costs(*case)[0]),
        ("the cost is that of the most expensive layer alone", lambda *case: max(costs(*case))),
        ("the cost takes height + width, not height times width",
         added(lambda c, o, h, w: c * o * (h + w))),
        ("the cost takes height for both sides of the window",
         added(lambda c, o, h, w: c * o * h * h)),
        ("the cost takes width for both sides of the window",
         added(lambda c, o, h, w: c * o * w * w)),
        ("the cost lacks the input channels", added(lambda c, o, h, w: o * h * w)),
        ("the cost lacks the output channels", added(lambda c, o, h, w: c * h * w)),
        ("the cost lacks the windows", added(lambda c, o, h, w: c * o)),
        ("the cost uses the input channels as output channels",
         added(lambda c, o, h, w: c * c * h * w)),
        ("the cost uses the output channels as input channels",
         added(lambda c, o, h, w: o * o * h * w)),
        ("the cost counts biases, which are free", added(lambda c, o, h, w: (c * h * w + 1) * o)),
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
            ("only the last channel counts: sum over all (= instead of +=?)", last),
            ("the axes of y are in another order: N, O, H, W", right.swapaxes(0, 1)),
            ("the axes of y are in another order: O comes second, not last",
             right.transpose(0, 2, 3, 1)),
            ("the axes of y are reshaped instead of transposed",
             right.transpose(0, 2, 3, 1).reshape(right.shape)),
            ("the axes of y are reshaped instead of swapped: O comes before N there",
             right.swapaxes(0, 1).reshape(right.shape)),
        ]  # fmt: skip
        if O == C:
            turned = np.einsum("co,nchw->nohw", w, x)
            mistakes.append(("w is transposed: it is (O, C)", turned))
        compare(function(x, w), right, "y", mistakes=mistakes)
    return "every pixel's channels times the matrix"


def module_of(x, w, inner=True, outer=True, order=(0, 1, 2, 3), pool=True) -> object:
    """An Inception module, complete or without some of its parts."""

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
        raise No("the branches are joined along the batch, not along the channels")
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
    return "four branches side by side, with a ReLU after every convolution"


@check
def averaging(function) -> str:
    """global_average(x) -> (N, C), the mean of each map, of any size."""
    rng = np.random.default_rng(SEED)
    for size in ((2, 3, 7, 7), (1, 4, 5, 9)):
        x = rng.standard_normal(size)
        of = f"the average over {size[2]} x {size[3]}"
        mine = array(function(tensor(x)))
        if mine.shape == (size[0], size[1], 1, 1):
            raise No(f"{of} has shape {mine.shape}, not (N, C), without axes of length 1")
        if mine.shape in ((size[0], *size[2:]), (size[0],), ()):
            raise No(f"{of} has shape {mine.shape}: it averages over channels")
        compare(mine, x.mean((2, 3)), of, mistakes=[
            (f"{of} is a sum: divide by the number of pixels", x.sum((2, 3))),
            (f"{of} is the maximum", x.max((2, 3))),
            (f"{of} is divided by 49 for any size of map", x.sum((2, 3)) / 49),
            (f"{of} is divided by one side of the map only", x.sum((2, 3)) / size[2]),
            (f"{of} is divided by one side of the map only", x.sum((2, 3)) / size[3]),
        ])  # fmt: skip
    return "one number for each map, whatever its size"
