"""Notebook 6: checks of factorised convolutions, 1 x 1 layers and an Inception module."""

import itertools
import math
from typing import Any

import numpy as np

from .. import nn
from ..analysis import receptive_field
from ..functional import adaptive_avg_pool2d, adaptive_max_pool2d, conv2d
from ..models.blocks import ConvReLU
from ..models.googlenet import Inception
from ..tensor import tensor
from .answer import check
from .compare import No, array, compare, compare_all
from .cost import counts

SEED = 6


@check
def field(function, *, seed=SEED) -> str:
    """field(kernels) -> the receptive field of a chain of convolutions with stride 1."""
    cases = [(k,) for k in ((3, 3), (3, 3, 3), (5,), (1, 3, 1), (7, 7), (3, 5), (5, 3))]
    cases.append((tuple((2 * np.random.default_rng(seed).integers(1, 4, 3) + 1).tolist()),))

    def right(kernels):
        net = nn.Sequential(*(nn.Conv2d(1, 1, k, padding=k // 2) for k in kernels))
        found: Any = receptive_field(net, (1, 32, 32))
        return found.size[0]

    compare_all(function, cases, right, "the field of kernels {0[0]}", [
        ("the field is the sum of the kernels: windows overlap", sum),
        ("the field is the product of the kernels", math.prod),
        ("the field lacks its first pixel", lambda k: right(k) - 1),
        ("the field is that of the largest kernel alone", max),
        ("the field is that of the last kernel alone: sum over all", lambda k: k[-1]),
        ("the field is that of the first kernel alone: sum over all", lambda k: k[0]),
        ("the field adds K for each layer, where K - 1 are new", lambda k: right(k) + len(k)),
    ])  # fmt: skip
    return "eight chains"


@check
def macs(function, *, seed=SEED) -> str:
    """macs(channels, kernels) -> multiply-adds per position of a chain of convolutions."""
    cases = [
        ((256, 256), ((3, 3),)),
        ((256, 64, 64, 256), ((1, 1), (3, 3), (1, 1))),
        ((8, 8, 8), ((1, 5), (5, 1))),
        (tuple(np.random.default_rng(seed).permutation([4, 6, 2]).tolist()), ((3, 1), (1, 5))),
    ]

    def costs(channels, kernels, change=lambda cost, c, o, h, w: cost):
        """By the library, for images of the window's size: there is one position."""
        pairs = zip(itertools.pairwise(channels), kernels, strict=True)
        return [
            change(counts(lambda c=c, o=o, k=k: nn.Conv2d(c, o, k), c, *k)[2], c, o, *k)
            for (c, o), k in pairs
        ]

    def changed(change):
        return lambda channels, kernels: sum(costs(channels, kernels, change))

    compare_all(function, cases, lambda *case: sum(costs(*case)),
                "the cost of channels {0[0]} with kernels {0[1]}", [
        ("the cost is a product over the layers, not a sum",
         lambda *case: math.prod(costs(*case))),
        ("the cost is that of the last layer alone: += and not =", lambda *case: costs(*case)[-1]),
        ("the cost is that of the first layer alone", lambda *case: costs(*case)[0]),
        ("the cost is that of the most expensive layer alone", lambda *case: max(costs(*case))),
        ("the cost takes height + width, not height times width",
         changed(lambda cost, c, o, h, w: cost // (h * w) * (h + w))),
        ("the cost takes height for both sides of the window",
         changed(lambda cost, c, o, h, w: cost // w * h)),
        ("the cost takes width for both sides of the window",
         changed(lambda cost, c, o, h, w: cost // h * w)),
        ("the cost lacks the input channels", changed(lambda cost, c, o, h, w: cost // c)),
        ("the cost lacks the output channels", changed(lambda cost, c, o, h, w: cost // o)),
        ("the cost lacks the windows", changed(lambda cost, c, o, h, w: cost // (h * w))),
        ("the cost uses the input channels as output channels",
         changed(lambda cost, c, o, h, w: cost // o * c)),
        ("the cost uses the output channels as input channels",
         changed(lambda cost, c, o, h, w: cost // c * o)),
        ("the cost counts biases, which are free", changed(lambda cost, c, o, h, w: cost + o)),
    ])  # fmt: skip
    return "a 3 x 3, a bottleneck and two flattened windows"


def by_pixel(x, w):
    """The library's 1 x 1 convolution of arrays."""
    return array(conv2d(tensor(x), tensor(w.reshape(*w.shape, 1, 1).copy())))


@check
def pointwise(function, *, seed=SEED) -> str:
    """pointwise(x, w) -> y (N, O, H, W), the 1 x 1 convolution as a product of matrices."""
    rng = np.random.default_rng(seed)
    for O, C in ((6, 3), (4, 4)):
        x, w = rng.standard_normal((2, C, 4, 5)), rng.standard_normal((O, C))
        right, last = by_pixel(x, w), w * (np.arange(C) == C - 1)
        mistakes = [
            ("the channels of w are in reverse order", by_pixel(x, w[:, ::-1])),
            ("only the last channel counts: sum over all (= instead of +=?)", by_pixel(x, last)),
            ("the axes of y are in another order: N, O, H, W", right.swapaxes(0, 1)),
            ("the axes of y are in another order: O comes second, not last",
             right.transpose(0, 2, 3, 1)),
            ("the axes of y are reshaped instead of transposed",
             right.transpose(0, 2, 3, 1).reshape(right.shape)),
            ("the axes of y are reshaped instead of swapped: O comes before N there",
             right.swapaxes(0, 1).reshape(right.shape)),
        ]  # fmt: skip
        if O == C:
            mistakes.append(("w is transposed: it is (O, C)", by_pixel(x, w.T)))
        compare(function(x, w), right, "y", mistakes=mistakes)
    return "every pixel's channels times the matrix"


def library_module(w):
    """The library's Inception module with these kernels, and the numbers of its branches' maps."""
    filters = {name: kernel.shape[0] for name, kernel in w.items()}
    made, _ = Inception(*filters.values()).build(w["1x1"].shape[1], ConvReLU, 1.0)
    layers = [m for m in made.modules() if isinstance(m, nn.Conv2d)]
    for layer, kernel in zip(layers, w.values(), strict=True):
        layer.weight, layer.bias = nn.Parameter(kernel), None
    return made, [filters[name] for name in ("1x1", "3x3", "5x5", "pool")]


def module_of(x, w, inner=True, outer=True, order=(0, 1, 2, 3), pool=True) -> np.ndarray:
    """The library's Inception module, complete or without some of its parts."""
    made, sizes = library_module(w)
    lacking = [(made.branch2, 0), (made.branch3, 0)] if not inner else []
    lacking += [(made.branch2, 1), (made.branch3, 1), (made.branch4, 1)] if not outer else []
    for branch, i in lacking:
        branch[i] = branch[i].conv
    if not outer:
        made.branch1 = made.branch1.conv
    if not pool:
        made.branch4[0] = nn.Identity()
    parts = np.split(array(made(x)), np.cumsum(sizes)[:-1], axis=1)
    return np.concatenate([parts[i] for i in order], axis=1)


@check
def module(function, *, seed=SEED) -> str:
    """inception(x, w) -> the four branches of an Inception module, joined."""
    rng = np.random.default_rng(seed)
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
def averaging(function, *, seed=SEED) -> str:
    """global_average(x) -> (N, C), the mean of each map, of any size."""
    rng = np.random.default_rng(seed)
    for size in ((2, 3, 7, 7), (1, 4, 5, 9)):
        x = rng.standard_normal(size)
        of = f"the average over {size[2]} x {size[3]}"
        mine = array(function(tensor(x)))
        if mine.shape == (size[0], size[1], 1, 1):
            raise No(f"{of} has shape {mine.shape}, not (N, C), without axes of length 1")
        if mine.shape in ((size[0], *size[2:]), (size[0],), ()):
            raise No(f"{of} has shape {mine.shape}: it averages over channels")
        right = array(adaptive_avg_pool2d(tensor(x), 1)).reshape(size[:2])
        largest = array(adaptive_max_pool2d(tensor(x), 1)).reshape(size[:2])
        total = right * (size[2] * size[3])
        compare(mine, right, of, mistakes=[
            (f"{of} is a sum: divide by the number of pixels", total),
            (f"{of} is the maximum", largest),
            (f"{of} is divided by 49 for any size of map", total / 49),
            (f"{of} is divided by one side of the map only", total / size[2]),
            (f"{of} is divided by one side of the map only", total / size[3]),
        ])  # fmt: skip
    return "one number for each map, whatever its size"
