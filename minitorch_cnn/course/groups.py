"""Notebook 9: checks of grouped convolutions, their three forms, shuffles and gates."""

import numpy as np

from ..functional import channel_shuffle, conv2d, relu, sigmoid
from ..tensor import tensor
from .answer import No, check, compare

SEED = 9


def draw(*shape):
    return np.random.default_rng([SEED, *shape]).standard_normal(shape)


@check
def grouped(function) -> str:
    """function(x, w, groups) -> y, of convolutions without groups; 3 x 3, padding 1."""
    x = tensor(draw(2, 8, 5, 5))
    for groups in (1, 2, 4, 8):
        w = tensor(draw(16, 8 // groups, 3, 3))
        right = conv2d(x, w, padding=1, groups=groups)
        compare(function(x, w, groups), right, f"y of {groups} groups")
    return "1, 2, 4 and 8 groups"


@check
def costs(function) -> str:
    """function(c, o, k, groups) -> multiply-adds per position."""
    for case, right in [((64, 64, 3, 1), 36864), ((64, 64, 3, 32), 1152), ((64, 128, 1, 4), 2048)]:
        if function(*case) != right:
            raise No(f"c, o, k, groups = {case}: {function(*case) / right:.3g} times the cost")
    return "every output adds up the channels of its group only"


@check
def shuffle(function) -> str:
    """function(x, groups): the channels of the groups dealt out in turn."""
    x = tensor(draw(2, 12, 3, 3))
    for groups in (2, 3):
        compare(function(x, groups), channel_shuffle(x, groups), f"y of {groups} groups")
    return "channels of all groups come in turn"


@check
def branches(function) -> str:
    """function(x, w1, w2, w3, groups): the grouped bottleneck as a sum of branches."""
    x, w1, w2, w3 = (
        tensor(draw(*shape)) for shape in ((2, 6, 5, 5), (8, 6, 1, 1), (8, 2, 3, 3), (6, 8, 1, 1))
    )
    y = relu(conv2d(relu(conv2d(x, w1)), w2, padding=1, groups=4))
    compare(function(x, w1, w2, w3, 4), conv2d(y, w3), "the sum of the branches")
    return "a sum of 4 thin branches is one block with 4 groups"


@check
def gate(function) -> str:
    """function(x, w1, b1, w2, b2) -> x times a gate per channel: squeeze and excitation."""
    x, w1, b1, w2, b2 = (
        tensor(draw(*shape)) for shape in ((2, 6, 4, 4), (3, 6), (3,), (6, 3), (6,))
    )
    means = x.mean((2, 3))
    s = sigmoid(relu(means @ w1.T + b1) @ w2.T + b2)
    mine = function(x, w1, b1, w2, b2)
    compare(mine, x * s.reshape(2, 6, 1, 1), "y")
    return "a number between 0 and 1 for every channel of every image"
