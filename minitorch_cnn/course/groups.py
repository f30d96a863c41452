"""Notebook 9: checks of grouped convolutions, their three forms, shuffles and gates."""

import numpy as np

from ..functional import channel_shuffle, conv2d, relu, sigmoid
from ..tensor import cat, tensor
from .answer import check
from .compare import No, array, compare, compare_all

SEED = 9


def draw(*shape):
    return np.random.default_rng([SEED, *shape]).standard_normal(shape)


@check
def grouped(function) -> str:
    """grouped(x, w, groups) -> y (N, O, H, W), of convolutions without groups, padding 1."""
    x = tensor(draw(2, 8, 5, 5))
    for groups in (1, 2, 4, 8):
        w = tensor(draw(16, 8 // groups, 3, 3))
        right = conv2d(x, w, padding=1, groups=groups)
        xs, ws = x.chunk(groups, 1), w.chunk(groups, 0)
        parts = [conv2d(a, b, padding=1) for a, b in zip(xs, ws, strict=True)]
        of, mine = f"y of {groups} groups", array(function(x, w, groups))
        if mine.shape == (2 * groups, 16 // groups, 5, 5) and groups > 1:
            raise No(f"{of} is joined along the batch, not along the channels")
        if mine.shape == (2, 16, 3, 3):
            raise No(f"{of} is not padded")
        if mine.shape == (2, 16 // groups, 5, 5) and groups > 1:
            total = sum(array(part) for part in parts)
            added = np.allclose(mine, total)
            why = "sums the groups" if added else "is that of one group only"
            raise No(f"{of} {why}: join them along the channels")
        interleaved = channel_shuffle(right, groups)
        compare(mine, right, of, mistakes=[
            (f"{of}: every group reads the first channels",
             cat([conv2d(xs[0], b, padding=1) for b in ws], dim=1)),
            (f"{of}: every group reads the last channels",
             cat([conv2d(xs[-1], b, padding=1) for b in ws], dim=1)),
            (f"{of}: every group has the first kernels",
             cat([conv2d(a, ws[0], padding=1) for a in xs], dim=1)),
            (f"{of} has its groups in reverse order", cat(parts[::-1], dim=1)),
            (f"{of} interleaves the channels of the groups instead of joining the groups",
             interleaved),
            (f"{of}: groups are every {groups}th channel instead of neighbours",
             conv2d(channel_shuffle(x, 8 // groups), w, padding=1, groups=groups)),
        ])  # fmt: skip
    return "1, 2, 4 and 8 groups"


@check
def costs(function) -> str:
    """macs(c, o, k, groups) -> multiply-adds per position."""
    cases = [(64, 64, 3, 1), (64, 64, 3, 32), (64, 128, 1, 4), (12, 6, 3, 2)]
    compare_all(function, cases, lambda c, o, k, g: o * (c // g) * k * k,
                "the cost of c, o, k, groups = {}", [
        ("the cost is that of one group: count all g",
         lambda c, o, k, g: (o // g) * (c // g) * k * k),
        ("the cost is not divided by the groups: an output sees only its own",
         lambda c, o, k, g: o * c * k * k),
        ("the cost is multiplied by the groups", lambda c, o, k, g: o * c * k * k * g),
        ("the cost has one side of the window: it is k x k", lambda c, o, k, g: o * (c // g) * k),
        ("the cost lacks the window", lambda c, o, k, g: o * (c // g)),
        ("the cost lacks the outputs", lambda c, o, k, g: (c // g) * k * k),
        ("the cost lacks the inputs", lambda c, o, k, g: o * k * k),
        ("the cost takes the inputs for the outputs", lambda c, o, k, g: c * (c // g) * k * k),
        ("the cost takes the outputs for the inputs", lambda c, o, k, g: o * (o // g) * k * k),
        ("the cost counts the biases, which are free",
         lambda c, o, k, g: o * (c // g) * k * k + o),
    ])  # fmt: skip
    return "every output sums the channels of its own group only"


@check
def shuffle(function) -> str:
    """shuffle(x, groups) -> the channels of the groups, interleaved."""
    x = tensor(draw(2, 12, 3, 3))
    for groups in (2, 3):
        of, right = f"y of {groups} groups", channel_shuffle(x, groups)
        seen = x.reshape(2, groups, 12 // groups, 3, 3)
        compare(function(x, groups), right, of, mistakes=[
            (f"{of} is the inverse shuffle, with {groups} as the channels per group",
             channel_shuffle(x, 12 // groups)),
            (f"{of} is x: two reshapes cancel, so transpose between them", x),
            (f"{of} has its groups in reverse order",
             seen.flip(1).reshape(2, 12, 3, 3)),
            (f"{of} has its channels in reverse order", x.flip(1)),
            (f"{of} is shuffled twice", channel_shuffle(right, groups)),
            (f"{of} begins with the last group", channel_shuffle(
                seen.flip(1).reshape(2, 12, 3, 3), groups)),
        ])  # fmt: skip
    return "the channels of all groups alternate"


@check
def branches(function) -> str:
    """branches(x, w1, w2, w3, groups) -> y, the grouped bottleneck as a sum of branches."""
    x, w1, w2, w3 = (
        tensor(draw(*shape)) for shape in ((2, 6, 5, 5), (8, 6, 1, 1), (8, 2, 3, 3), (6, 8, 1, 1))
    )
    wide = conv2d(x, w1)
    y = relu(conv2d(relu(wide), w2, padding=1, groups=4))
    last = conv2d(y[:, 6:], w3[:, 6:])
    each = [conv2d(y[:, i : i + 2], w3[:, i : i + 2]) for i in range(0, 8, 2)]
    linear = conv2d(relu(wide), w2, padding=1, groups=4)
    mine = array(function(x, w1, w2, w3, 4))
    if mine.shape == (2, 24, 5, 5):
        raise No("the branches are joined instead of summed")
    compare(mine, conv2d(y, w3), "the sum of the branches", mistakes=[
        ("only the last branch is left: total = instead of +=", last),
        ("only the first branch is left: is there a return in the loop?", each[0]),
        ("the branches are averaged instead of summed", conv2d(y, w3) / 4),
        ("there is no ReLU after the first convolution",
         conv2d(relu(conv2d(wide, w2, padding=1, groups=4)), w3)),
        ("there is no ReLU after the 3 x 3", conv2d(linear, w3)),
        ("there is no ReLU", conv2d(conv2d(wide, w2, padding=1, groups=4), w3)),
        ("there is a ReLU after the third convolution, too", relu(conv2d(y, w3))),
        ("there is a ReLU after the third convolution, too", sum(relu(part) for part in each)),
    ])  # fmt: skip
    return "a sum of 4 thin branches is one block with 4 groups"


@check
def gate(function) -> str:
    """excite(x, w1, b1, w2, b2) -> x times a gate per channel: squeeze and excitation."""
    x, w1, b1, w2, b2 = (
        tensor(draw(*shape)) for shape in ((2, 6, 4, 4), (3, 6), (3,), (6, 3), (6,))
    )

    def scaled(means, bias=1.0, hidden=relu, last=sigmoid):
        s = last(hidden(means @ w1.T + bias * b1) @ w2.T + bias * b2)
        return x * s.reshape(-1, 6, 1, 1)

    means = x.mean((2, 3))
    right, mine = scaled(means), array(function(x, w1, b1, w2, b2))
    if mine.shape == (2, 6):
        raise No("these are the gates: multiply x by them")
    compare(mine, right, "y", mistakes=[
        ("the gates are those of the batch as a whole: every image has its own",
         scaled(x.mean((0, 2, 3)).reshape(1, 6))),
        ("the gates of the images are averaged: every image has its own",
         array(x) * (array(right) / array(x)).mean((0, 2, 3), keepdims=True)),
        ("maps are averaged over the batch", array(right).mean(0, keepdims=True) + 0 * array(x)),
        ("maps are summed instead of averaged", scaled(x.sum((2, 3)))),
        ("maps are squeezed to their maximum, not their mean", scaled(x.amax((2, 3)))),
        ("the biases are left out", scaled(means, bias=0.0)),
        ("there is no ReLU between the two layers", scaled(means, hidden=lambda h: h)),
        ("there is no sigmoid at the end", scaled(means, last=lambda h: h)),
        ("there is a ReLU where the sigmoid should be", scaled(means, last=relu)),
        ("there is a sigmoid where the ReLU should be", scaled(means, hidden=sigmoid)),
        ("the gates are added to x: multiply", x + scaled(means) / x),
        ("x is added to what is gated", x + scaled(means)),
    ])  # fmt: skip
    return "a number between 0 and 1 for every channel of every image"
