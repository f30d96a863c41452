"""Notebook 9: checks of grouped convolutions, their three forms, shuffles and gates."""

from functools import cache, partial

import numpy as np

from .. import nn
from ..analysis import summary
from ..functional import channel_shuffle, conv2d, relu
from ..models.blocks import SqueezeExcitation
from ..tensor import Tensor, cat, tensor
from .answer import check
from .compare import No, array, compare, compare_all

SEED = 9
LARGE = 1e3  # a bias above all signals: a ReLU behind it changes nothing


def draw(seed: int, *shape: int) -> np.ndarray:
    """Normal numbers of a shape."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


@check
def grouped(function, *, seed: int = SEED) -> str:
    """grouped(x, w, groups) -> y (N, O, H, W), of convolutions without groups, padding 1."""
    x = tensor(draw(seed, 2, 8, 5, 5))
    for groups in (1, 2, 4, 8):
        size, wide = 8 // groups, 16 // groups
        w = tensor(draw(seed, 16, size, 3, 3))
        how = partial(conv2d, padding=1, groups=groups)
        of, mine, right = f"y of {groups} groups", array(function(x, w, groups)), how(x, w)
        if mine.shape == (2 * groups, wide, 5, 5) and groups > 1:
            raise No(f"{of} is joined along the batch, not along the channels")
        if mine.shape == (2, 16, 3, 3):
            raise No(f"{of} is not padded")
        if mine.shape == (2, wide, 5, 5) and groups > 1:
            added = np.allclose(mine, array(right).reshape(2, groups, wide, 5, 5).sum(1))
            why = "sums the groups" if added else "is that of one group only"
            raise No(f"{of} {why}: join them along the channels")
        compare(mine, right, of, mistakes=[
            (f"{of}: every group reads the first channels", how(x[:, :size].tile(groups, 1, 1), w)),
            (f"{of}: every group reads the last channels", how(x[:, -size:].tile(groups, 1, 1), w)),
            (f"{of}: every group has the first kernels", how(x, w[:wide].tile(groups, 1, 1, 1))),
            (f"{of} has its groups in reverse order",
             cat(right.chunk(groups, 1)[::-1], dim=1)),
            (f"{of} interleaves the channels of the groups instead of joining the groups",
             channel_shuffle(right, groups)),
            (f"{of}: groups are every {groups}th channel instead of neighbours",
             how(channel_shuffle(x, size), w)),
        ])  # fmt: skip
    return "1, 2, 4 and 8 groups"


@cache
def multiply_adds(c: int, o: int, k: int, groups: int) -> int:
    """Those of a layer for one position, counted by `summary`."""
    return summary(nn.Conv2d(c, o, k, groups=groups, bias=False), (c, k, k)).total_macs


@check
def costs(function, *, seed: int = SEED) -> str:
    """macs(c, o, k, groups) -> multiply-adds per position."""
    sizes = iter(np.random.default_rng(seed).permutation(np.arange(2, 10)).tolist())
    kinds = [(3, 1), (3, 32), (1, 4), (5, 2)]
    cases = [(g * next(sizes), g * next(sizes), k, g) for k, g in kinds]
    compare_all(function, cases, multiply_adds, "the cost of c, o, k, groups = {}", [
        ("the cost is that of one group: count all g",
         lambda c, o, k, g: multiply_adds(c, o, k, g) // g),
        ("the cost is not divided by the groups: an output sees only its own",
         lambda c, o, k, g: multiply_adds(c, o, k, 1)),
        ("the cost is multiplied by the groups", lambda c, o, k, g: g * multiply_adds(c, o, k, 1)),
        ("the cost has one side of the window: it is k x k",
         lambda c, o, k, g: multiply_adds(c, o, k, g) // k),
        ("the cost lacks the window", lambda c, o, k, g: multiply_adds(c, o, 1, g)),
        ("the cost lacks the outputs", lambda c, o, k, g: multiply_adds(c, o, k, g) // o),
        ("the cost lacks the inputs", lambda c, o, k, g: multiply_adds(g, o, k, g)),
        ("the cost takes the inputs for the outputs", lambda c, o, k, g: multiply_adds(c, c, k, g)),
        ("the cost takes the outputs for the inputs", lambda c, o, k, g: multiply_adds(o, o, k, g)),
        ("the cost counts the biases, which are free",
         lambda c, o, k, g: multiply_adds(c, o, k, g) + o),
    ])  # fmt: skip
    return "every output sums the channels of its own group only"


@check
def shuffle(function, *, seed: int = SEED) -> str:
    """shuffle(x, groups) -> the channels of the groups, interleaved."""
    x = tensor(draw(seed, 2, 12, 3, 3))
    for groups in (2, 3):
        of, right = f"y of {groups} groups", channel_shuffle(x, groups)
        turned = cat(x.chunk(groups, 1)[::-1], dim=1)
        compare(function(x, groups), right, of, mistakes=[
            (f"{of} is the inverse shuffle, with {groups} as the channels per group",
             channel_shuffle(x, 12 // groups)),
            (f"{of} is x: two reshapes cancel, so transpose between them", x),
            (f"{of} has its groups in reverse order", turned),
            (f"{of} has its channels in reverse order", x.flip(1)),
            (f"{of} is shuffled twice", channel_shuffle(right, groups)),
            (f"{of} begins with the last group", channel_shuffle(turned, groups)),
        ])  # fmt: skip
    return "the channels of all groups alternate"


@check
def branches(function, *, seed: int = SEED) -> str:
    """branches(x, w1, w2, w3, groups) -> y, the grouped bottleneck as a sum of branches."""
    shapes = (2, 6, 5, 5), (8, 6, 1, 1), (8, 2, 3, 3), (6, 8, 1, 1)
    x, w1, w2, w3 = (tensor(draw(seed, *shape)) for shape in shapes)

    def block(first=relu, second=relu, keep=slice(None)) -> Tensor:
        """The whole bottleneck, of whose 8 channels the third layer sees those to keep."""
        y = second(conv2d(first(conv2d(x, w1)), w2, padding=1, groups=4))
        seen = np.zeros((1, 8, 1, 1))
        seen[:, keep] = 1
        return conv2d(y * tensor(seen), w3)

    def same(y: Tensor) -> Tensor:
        return y

    right, mine = block(), array(function(x, w1, w2, w3, 4))
    if mine.shape == (2, 24, 5, 5):
        raise No("the branches are joined instead of summed")
    compare(mine, right, "the sum of the branches", mistakes=[
        ("only the last branch is left: total = instead of +=", block(keep=slice(6, 8))),
        ("only the first branch is left: is there a return in the loop?", block(keep=slice(2))),
        ("the branches are averaged instead of summed", right / 4),
        ("there is no ReLU after the first convolution", block(first=same)),
        ("there is no ReLU after the 3 x 3", block(second=same)),
        ("there is no ReLU", block(same, same)),
        ("there is a ReLU after the third convolution, too", relu(right)),
        ("there is a ReLU after the third convolution, too",
         sum(relu(block(keep=slice(i, i + 2))) for i in range(0, 8, 2))),
    ])  # fmt: skip
    return "a sum of 4 thin branches is one block with 4 groups"


def excitation(w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, **how) -> SqueezeExcitation:
    """The library's module with these weights."""
    channels, units = w2.shape
    module = SqueezeExcitation(channels, units, **how).double()
    values = {"fc1.weight": w1, "fc1.bias": b1, "fc2.weight": w2, "fc2.bias": b2}
    module.load_state_dict(
        {k: v.reshape(*v.shape, 1, 1) if "w" in k else v for k, v in values.items()}
    )
    return module.requires_grad_(False)


@check
def gate(function, *, seed: int = SEED) -> str:
    """excite(x, w1, b1, w2, b2) -> x times a gate per channel: squeeze and excitation."""
    shapes = (2, 6, 4, 4), (3, 6), (3,), (6, 3), (6,)
    x, w1, b1, w2, b2 = (tensor(draw(seed, *shape)) for shape in shapes)
    module = excitation(w1, b1, w2, b2)
    linear = excitation(w1, b1 + LARGE, w2, b2 - LARGE * w2.sum(1))
    smooth = excitation(w1, b1, w2, b2)
    smooth.fc1 = nn.Sequential(smooth.fc1, nn.Sigmoid())

    def by(maps: Tensor) -> Tensor:
        """x times the gates of other maps."""
        return x * module(maps) / maps

    right, mine = module(x), array(function(x, w1, b1, w2, b2))
    gates = right / x
    if mine.shape == (2, 6):
        raise No("these are the gates: multiply x by them")
    compare(mine, right, "y", mistakes=[
        ("the gates are those of the batch as a whole: every image has its own",
         by(x.mean((0, 2, 3), keepdim=True))),
        ("the gates of the images are averaged: every image has its own",
         x * gates.mean((0, 2, 3), keepdim=True)),
        ("maps are averaged over the batch", right.mean(0, keepdim=True).expand(x.shape)),
        ("maps are summed instead of averaged", by(16 * x)),
        ("maps are squeezed to their maximum, not their mean", by(x.amax((2, 3), keepdim=True))),
        ("the biases are left out", excitation(w1, 0 * b1, w2, 0 * b2)(x)),
        ("there is no ReLU between the two layers", linear(x)),
        ("there is no sigmoid at the end", excitation(w1, b1, w2, b2, gate=lambda z: z)(x)),
        ("there is a ReLU where the sigmoid should be", excitation(w1, b1, w2, b2, gate=relu)(x)),
        ("there is a sigmoid where the ReLU should be", smooth(x)),
        ("the gates are added to x: multiply", x + gates),
        ("x is added to what is gated", x + right),
    ])  # fmt: skip
    return "a number between 0 and 1 for every channel of every image"
