"""Notebook 7: checks of shortcuts, paths, gates and survival."""

import math

import numpy as np

from ..functional import relu, sigmoid
from ..tensor import tensor
from .answer import check
from .compare import No, array, compare

SEED = 7


@check
def block(function) -> str:
    """residual(x, branch, shortcut) -> the output of a residual block."""
    x = tensor(np.random.default_rng(SEED).standard_normal((2, 3, 4, 4)))
    mine = function(x, lambda x: x * 2 - 1, lambda x: x * -0.5)
    branch, short = x * 2 - 1, x * -0.5
    compare(mine, relu(branch + short), "the output", mistakes=[
        ("the shortcut joins after the ReLU, not before it", relu(branch) + short),
        ("there is no ReLU after the sum", branch + short),
        ("the branch alone: the shortcut is left out", relu(branch)),
        ("the shortcut alone: the branch is left out", relu(short)),
        ("x is added instead of shortcut(x)", relu(branch + x)),
        ("branch and shortcut have a ReLU each: only the sum has one", relu(branch) + relu(short)),
        ("the shortcut is subtracted instead of added", relu(branch - short)),
        ("the branch gets shortcut(x) instead of x", relu(short * 2 - 1 + short)),
        ("branch and shortcut are multiplied", relu(branch * short)),
    ])  # fmt: skip
    return "the sum of both, then a ReLU"


@check
def shortcut(function) -> str:
    """shortcut_a(x, out_channels, stride) -> option A, without parameters."""
    x = np.random.default_rng(SEED).standard_normal((2, 3, 5, 6))
    for channels, stride in [(3, 1), (6, 2), (8, 3)]:
        of = f"with stride {stride} and {channels} channels"
        sliced = x[:, :, ::stride, ::stride]
        extra = ((0, 0), (0, channels - 3), (0, 0), (0, 0))
        before = ((0, 0), (channels - 3, 0), (0, 0), (0, 0))
        half = (channels - 3) // 2
        around = ((0, 0), (half, channels - 3 - half), (0, 0), (0, 0))
        shifted = np.roll(x, -1, (2, 3))[:, :, ::stride, ::stride]
        side = np.zeros((2, channels, 5, 6))[:, :, ::stride, ::stride].shape
        mine = array(function(tensor(x), channels, stride))
        if stride > 1 and mine.shape[2:] == x.shape[2:]:
            raise No(f"{of} the image keeps its size: take every {stride}th pixel")
        if mine.shape[:1] + mine.shape[2:] == (2, *side[2:]) and mine.shape[1] != channels:
            raise No(f"{of} it has {mine.shape[1]} channels: add the missing maps")
        mistakes = [
            ("the maps of zeros come first: they belong after the others", np.pad(sliced, before)),
            ("the maps of zeros are on both sides: they belong after the others",
             np.pad(sliced, around)),
            ("maps are repeated instead of zeros",
             np.concatenate([sliced] * 3, 1)[:, :channels]),
            ("it begins with the second pixel, not with the first",
             np.pad(shifted, extra)),
        ]  # fmt: skip
        mistakes = [(f"{of} {why}", wrong) for why, wrong in mistakes]
        compare(mine, np.pad(sliced, extra), f"the shortcut {of}", mistakes=mistakes)
    return "every stride-th pixel, and maps of zeros"


@check
def paths(function) -> str:
    """path_counts(n)[k] -> the number of paths through k branches in a net of n blocks."""
    for n in (1, 3, 6):
        right = [math.comb(n, k) for k in range(n + 1)]
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


@check
def survival(function) -> str:
    """survival(blocks, last) -> the survival probabilities, first to last."""
    l, of = np.arange(1, 5), "the survival of 4 blocks, the last 0.6,"
    right = 1 - l / 4 * 0.4
    compare(function(4, 0.6), right, of, mistakes=[
        ("the order is reversed: the first block should be the safest", right[::-1]),
        (f"{of} counts l from 0: it goes from 1 to L", 1 - (l - 1) / 4 * 0.4),
        (f"{of} divides by L - 1, not by L", 1 - (l - 1) / 3 * 0.4),
        (f"{of} is the probability of dropping a block", l / 4 * 0.4),
        (f"{of} falls by p instead of 1 - p", 1 - l / 4 * 0.6),
        (f"{of} is the same for all blocks", np.full(4, 0.6)),
        (f"{of} falls to p already in the first block", 0.6 * l / 4),
        (f"{of} is multiplied along the blocks", np.cumprod(right)),
    ])  # fmt: skip
    compare(function(3, 1.0), np.ones(3), "the survival where none is dropped")
    return "falling linearly to the last block's"


@check
def highway(function) -> str:
    """highway(x, h, t) -> y, with a gate t in (0, 1) between the transformed h and x."""
    rng = np.random.default_rng(SEED)
    x, h, t = (tensor(rng.standard_normal((2, 3))) for _ in range(3))
    t = sigmoid(t)
    compare(function(x, h, t), t * h + (1 - t) * x, "y", mistakes=[
        ("an open gate, t = 1, should pass h, not x", (1 - t) * h + t * x),
        ("the input is not gated: where t = 1 nothing of x is left", t * h + x),
        ("h is not gated: where t = 0 nothing of h is left", h + (1 - t) * x),
        ("x and h have the same gate: one opens as the other closes", t * h + t * x),
        ("1 - t has the wrong sign: t h - (1 - t) x", t * h - (1 - t) * x),
        ("the gate has a second sigmoid: t is already between 0 and 1",
         sigmoid(t) * h + (1 - sigmoid(t)) * x),
        ("x is left out", t * h),
    ])  # fmt: skip
    return "t = 1 gives h, t = 0 gives x"
