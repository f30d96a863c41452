"""Notebook 10: checks of activation maps, boxes and the rules for the way back through a ReLU."""

import numpy as np

from .answer import No, check, compare

SEED = 10


@check
def activation_map(function) -> str:
    """function(maps, weights): maps (C, H, W), weights (C,) -> (H, W)."""
    rng = np.random.default_rng(SEED)
    maps, weights = rng.standard_normal((5, 3, 4)), rng.standard_normal(5)
    mine = function(maps, weights)
    compare(mine, np.tensordot(weights, maps, 1), "the map")
    if not np.isclose(np.mean(mine), (maps.mean((1, 2)) * weights).sum()):
        raise No("its mean is not the logit")
    return "the mean of the map is the logit"


@check
def box(function) -> str:
    """function(map, threshold) -> left, top, right, bottom, the last two exclusive."""
    bright = np.zeros((7, 9))
    bright[2:4, 3:8] = 5
    bright[5, 4] = 2
    bright[0, 0] = -9
    for threshold, right in [(0.5, (3, 2, 8, 4)), (0.3, (3, 2, 8, 6))]:
        mine = tuple(int(value) for value in function(bright, threshold))
        if mine == (right[1], right[0], right[3], right[2]):
            raise No("rows and columns are exchanged: left and right are columns")
        if mine == (right[0], right[1], right[2] - 1, right[3] - 1):
            raise No("right and bottom are one too small: they lie behind the last bright pixel")
        if mine != right:
            raise No(f"with threshold {threshold} the box is {mine}, which it is not")
    return "all that is bright, and not a row or column more"


@check
def overlap(function) -> str:
    """function(a, b) -> intersection over union of two boxes."""
    cases = [
        (((0, 0, 4, 4), (2, 2, 6, 6)), 4 / 28),
        (((0, 0, 4, 4), (0, 0, 4, 4)), 1.0),
        (((0, 0, 2, 2), (5, 5, 6, 6)), 0.0),
        (((0, 0, 2, 9), (5, 0, 6, 9)), 0.0),
    ]
    for (a, b), right in cases:
        if not np.isclose(function(a, b), right):
            raise No(f"boxes {a} and {b} do not overlap by {float(function(a, b)):.3f}")
    return "equal, apart, and in part"


@check
def rules(function) -> str:
    """function(gy, y, rule) -> gx at a ReLU with the output y."""
    gy, y = np.array([2.0, -2, 2, -2]), np.array([1.0, 1, 0, 0])
    right = {
        "plain": [2.0, -2, 0, 0],
        "deconvolution": [2.0, 0, 2, 0],
        "guided": [2.0, 0, 0, 0],
    }
    for rule, gx in right.items():
        if not np.array_equal(np.asarray(function(gy, y, rule), float), gx):
            raise No(f"rule {rule!r} is not this")
    return "all three rules"


@check
def climbing(function) -> str:
    """function(x, gx, rate, decay): one step up, the gradient made of length 1, then decay."""
    rng = np.random.default_rng(SEED)
    x, gx = rng.standard_normal((3, 4)), rng.standard_normal((3, 4))
    for factor in (1.0, 1e3):
        mine = function(x, factor * gx, 0.5, 0.1)
        compare(mine, 0.9 * (x + 0.5 * gx / np.linalg.norm(gx)), "the next image", 1e-6)
    return "a step of one length whatever the gradient's"
