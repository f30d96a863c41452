"""Notebook 7: checks of shortcuts, paths, gates and survival."""

import math

import numpy as np

from ..functional import relu, sigmoid
from ..models.residual import make_shortcut
from ..tensor import tensor
from .answer import No, check, compare

SEED = 7


@check
def block(function) -> str:
    """function(x, branch, shortcut) -> the output of a residual block."""
    x = tensor(np.random.default_rng(SEED).standard_normal((2, 3, 4, 4)))
    mine = function(x, lambda x: x * 2 - 1, lambda x: -x)
    if mine is not None and np.allclose(mine.array, (relu(x * 2 - 1) - x).array):
        raise No("the shortcut joins after the ReLU, not before it")
    compare(mine, relu(x - 1), "the output")
    return "the sum of both, then a ReLU"


@check
def shortcut(function) -> str:
    """function(x, out_channels, stride): option A, without parameters."""
    x = np.random.default_rng(SEED).standard_normal((2, 3, 5, 6))
    for channels, stride in [(3, 1), (6, 2), (8, 3)]:
        option = make_shortcut("A", 3, channels, stride)
        right = tensor(x) if option is None else option(tensor(x))
        compare(function(tensor(x), channels, stride), right, f"the shortcut of stride {stride}")
    return "every stride-th pixel, and maps of zeros"


@check
def paths(function) -> str:
    """function(n)[k]: how many paths of a net of n blocks pass k branches."""
    for n in (1, 3, 6):
        mine = [int(count) for count in function(n)]
        if sum(mine) != 2**n:
            raise No(f"{n} blocks have {2**n} paths, not {sum(mine)}")
        if mine != [math.comb(n, k) for k in range(n + 1)]:
            raise No(f"the paths through {n} blocks are not so distributed over lengths")
    return "all 2^n paths, by their lengths"


@check
def survival(function) -> str:
    """function(blocks, last) -> the survival probabilities, first to last."""
    mine = np.asarray(function(4, 0.5))
    if mine.shape == (4,) and np.allclose(mine[::-1], [0.875, 0.75, 0.625, 0.5]):
        raise No("the order is reversed: the first block should be the safest")
    compare(mine, np.array([0.875, 0.75, 0.625, 0.5]), "the survival of 4 blocks")
    compare(function(3, 1.0), np.ones(3), "the survival where none is dropped")
    return "falling evenly to the last block's"


@check
def highway(function) -> str:
    """function(x, h, t): a gate t in (0, 1) between the transformed h and x."""
    rng = np.random.default_rng(SEED)
    x, h, t = (tensor(rng.standard_normal((2, 3))) for _ in range(3))
    t = sigmoid(t)
    mine = function(x, h, t)
    if mine is not None and np.allclose(mine.array, ((1 - t) * h + t * x).array):
        raise No("an open gate, t = 1, should let h through")
    compare(mine, t * h + (1 - t) * x, "y")
    return "t = 1 gives h, t = 0 gives x"
