"""Notebook 7: checks of shortcuts, paths, gates and survival."""

import numpy as np

from ..analysis import path_lengths
from ..functional import sigmoid
from ..models.residual import ResidualBlock, make_shortcut
from ..models.stochastic_depth import MayDrop, let_survive
from ..nn import Module, Sequential
from ..tensor import tensor
from .answer import check
from .compare import No, array, compare

SEED = 7


class Given(ResidualBlock):
    """The library's residual block of two functions."""

    def __init__(self, branch, shortcut):
        super().__init__()
        self.functions = branch, shortcut

    def branch(self, x):
        return self.functions[0](x)

    def shortcut(self, x):
        return self.functions[1](x)


def nothing(x):
    return 0.0 * x


def block_of(x, branch=nothing, shortcut=nothing):
    """The output of the library's block; what is not given is zero."""
    return Given(branch, shortcut)(x)


@check
def block(function, *, seed=SEED) -> str:
    """residual(x, branch, shortcut) -> the output of a residual block."""
    rng = np.random.default_rng(seed)
    x, (a, c) = tensor(rng.standard_normal((2, 3, 4, 4))), rng.uniform(1.5, 2.5, 2).tolist()

    def branch(x):
        return x * a - 1

    def short(x):
        return x / -c

    linear = x * (a - 1 / c) - 1
    mine = function(x, branch, short)
    compare(mine, block_of(x, branch, short), "the output", mistakes=[
        ("the shortcut joins after the ReLU, not before it", block_of(x, branch) + short(x)),
        ("there is no ReLU after the sum", linear),
        ("the branch alone: the shortcut is left out", block_of(x, branch)),
        ("the shortcut alone: the branch is left out", block_of(x, shortcut=short)),
        ("x is added instead of shortcut(x)", block_of(x, branch, lambda x: x)),
        ("branch and shortcut have a ReLU each: only the sum has one",
         block_of(x, branch) + block_of(x, shortcut=short)),
        ("the shortcut is subtracted instead of added", block_of(x, branch, lambda x: x / c)),
        ("the branch gets shortcut(x) instead of x",
         block_of(x, lambda x: branch(short(x)), short)),
        ("branch and shortcut are multiplied", block_of(x, lambda x: branch(x) * short(x))),
    ])  # fmt: skip
    return "the sum of both, then a ReLU"


@check
def shortcut(function, *, seed=SEED) -> str:
    """shortcut_a(x, out_channels, stride) -> option A, without parameters."""
    x = np.random.default_rng(seed).standard_normal((2, 3, 5, 6))
    for channels, stride in [(3, 1), (6, 2), (8, 3)]:
        of, new = f"with stride {stride} and {channels} channels", channels - 3
        option_a = make_shortcut("A", 3, channels, stride) or Sequential()
        right = array(option_a(tensor(x)))
        mine = array(function(tensor(x), channels, stride))
        if stride > 1 and mine.shape[2:] == x.shape[2:]:
            raise No(f"{of} the image keeps its size: take every {stride}th pixel")
        if mine.shape[:1] + mine.shape[2:] == (2, *right.shape[2:]) and mine.shape[1] != channels:
            raise No(f"{of} it has {mine.shape[1]} channels: add the missing maps")
        mistakes = [
            ("the maps of zeros come first: they belong after the others", np.roll(right, new, 1)),
            ("the maps of zeros are on both sides: they belong after the others",
             np.roll(right, new // 2, 1)),
            ("maps are repeated instead of zeros",
             np.tile(right[:, :3], (1, 3, 1, 1))[:, :channels]),
            ("it begins with the second pixel, not with the first",
             array(option_a(tensor(np.roll(x, -1, (2, 3)))))),
        ]  # fmt: skip
        mistakes = [(f"{of} {why}", wrong) for why, wrong in mistakes]
        compare(mine, right, f"the shortcut {of}", mistakes=mistakes)
    return "every stride-th pixel, and maps of zeros"


@check
def paths(function, *, seed=SEED) -> str:
    """path_counts(n)[k] -> the number of paths through k branches in a net of n blocks."""
    for n in (1, 3, 6, int(np.random.default_rng(seed).integers(7, 15))):
        right = [int(count) for count in path_lengths(n).counts]
        mine = [int(count) for count in function(n)]
        of = f"the paths through {n} blocks"
        if len(mine) != n + 1:
            raise No(f"{of} pass 0 to {n} branches, which is {n + 1} numbers, not {len(mine)}")
        compare(mine, right, of, mistakes=[
            (f"{of} are all counted with the same length: they differ in length",
             [2**k for k in range(n + 1)]),
            (f"{of} are 2^{n} in all, not {n + 1}: several have one length", [1] * (n + 1)),
        ])  # fmt: skip
    return "all 2^n paths, by their lengths"


class Surviving(MayDrop, Module):
    """A block of which only its survival counts."""


def library_survival(blocks, last):
    """The survivals that the library gives to blocks."""
    net = Sequential(*(Surviving() for _ in range(blocks)))
    let_survive(net, last)
    return np.array([one.survival for one in net])


@check
def survival(function, *, seed=SEED) -> str:
    """survival(blocks, last) -> the survival probabilities, first to last."""
    last = round(float(np.random.default_rng(seed).uniform(0.55, 0.8)), 2)
    right, of = library_survival(4, last), f"the survival of 4 blocks, the last {last},"
    compare(function(4, last), right, of, mistakes=[
        ("the order is reversed: the first block should be the safest", right[::-1]),
        (f"{of} counts l from 0: it goes from 1 to L", right + (1 - last) / 4),
        (f"{of} divides by L - 1, not by L", np.linspace(1, last, 4)),
        (f"{of} is the probability of dropping a block", 1 - right),
        (f"{of} falls by p instead of 1 - p", library_survival(4, 1 - last)),
        (f"{of} is the same for all blocks", np.full(4, last)),
        (f"{of} falls to p already in the first block", (1 - right) * last / (1 - last)),
        (f"{of} is multiplied along the blocks", np.cumprod(right)),
    ])  # fmt: skip
    compare(function(3, 1.0), np.ones(3), "the survival where none is dropped")
    return "falling linearly to the last block's"


@check
def highway(function, *, seed=SEED) -> str:
    """highway(x, h, t) -> y, with a gate t in (0, 1) between the transformed h and x."""
    rng = np.random.default_rng(seed)
    x, h, t = (tensor(rng.standard_normal((2, 3))) for _ in range(3))
    t = sigmoid(t)
    right = x.lerp(h, t)
    compare(function(x, h, t), right, "y", mistakes=[
        ("an open gate, t = 1, should pass h, not x", h.lerp(x, t)),
        ("the input is not gated: where t = 1 nothing of x is left", right + t * x),
        ("h is not gated: where t = 0 nothing of h is left", right + (1 - t) * h),
        ("x and h have the same gate: one opens as the other closes", t * (h + x)),
        ("1 - t has the wrong sign: t h - (1 - t) x", 2 * t * h - right),
        ("the gate has a second sigmoid: t is already between 0 and 1", x.lerp(h, sigmoid(t))),
        ("x is left out", t * h),
    ])  # fmt: skip
    return "t = 1 gives h, t = 0 gives x"
