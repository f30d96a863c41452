"""Notebook 10: checks of activation maps, boxes and backward rules of a ReLU."""

import numpy as np

from .answer import check
from .compare import No, compare, compare_all

SEED = 10


@check
def activation_map(function) -> str:
    """activation_map(maps, weights) -> (H, W), of maps (C, H, W), weights (C,)."""
    rng = np.random.default_rng(SEED)
    maps, weights = rng.standard_normal((4, 4, 4)), rng.standard_normal(4)
    products = maps * weights[:, None, None]
    compare(function(maps, weights), products.sum(0), "the map", mistakes=[
        ("the weights multiply columns: they belong to the channels", (maps * weights).sum(0)),
        ("the weights multiply rows: they belong to the channels",
         (maps * weights[:, None]).sum(0)),
        ("the map is a mean over the channels, not their sum", products.mean(0)),
        ("the map is a sum without weights", maps.sum(0)),
        ("only the last channel is left: = instead of +=", products[-1]),
        ("negative values are cut off: a pixel may be evidence against a class",
         np.maximum(products.sum(0), 0)),
        ("the absolute values are summed", abs(products).sum(0)),
        ("it is the largest channel, not the sum of all", products.max(0)),
        ("it sums rows instead of channels", products.sum(1)),
        ("it sums columns instead of channels", products.sum(2)),
    ])  # fmt: skip
    maps = rng.standard_normal((5, 3, 4))
    weights = rng.standard_normal(5)
    right = np.tensordot(weights, maps, 1)
    compare(function(maps, weights), right, "the map of 5 channels of 3 x 4 pixels")
    return "the mean of the map is the logit"


@check
def box(function) -> str:
    """bright_box(heat, threshold) -> left, top, right, bottom, the last two exclusive."""
    bright = np.zeros((7, 9))
    bright[2:4, 3:8] = 5
    bright[5, 4] = 2
    bright[0, 0] = -9
    for threshold, right in [(0.5, (3, 2, 8, 4)), (0.3, (3, 2, 8, 6)), (0.4, (3, 2, 8, 6))]:
        l, t, r, b = right
        mine = tuple(int(value) for value in function(bright, threshold))
        swapped = "rows and columns are exchanged: left and right are columns"
        of = f"with threshold {threshold} the box"
        compare(mine, right, of, mistakes=[
            (swapped, (t, l, b, r)),
            (f"{swapped} (and right and bottom come after the last bright pixel)",
             (t, l, b - 1, r - 1)),
            ("right and bottom are one too small: they come after the last bright pixel",
             (l, t, r - 1, b - 1)),
            ("left and top are one too small: they are the first bright pixel",
             (l - 1, t - 1, r, b)),
            ("it is left, top, width, height instead of left, top, right, bottom",
             (l, t, r - l, b - t)),
            ("the order is left, top, right, bottom, not left, right, top, bottom", (l, r, t, b)),
            (f"{of} uses the threshold as a value: it is a fraction of the largest value",
             (3, 2, 8, 6) if threshold == 0.5 else (-1, -1, -1, -1)),
            (f"{of} omits values equal to the threshold: use >=",
             (3, 2, 8, 4) if threshold == 0.4 else (-1, -1, -1, -1)),
            (f"{of} counts large negative values as bright: no absolute value",
             (0, 0, 8, 6)),
        ])  # fmt: skip
    return "all bright pixels, and no extra row or column"


@check
def overlap(function) -> str:
    """overlap(a, b) -> intersection over union of two boxes."""
    cases = [
        ((0, 0, 4, 4), (2, 2, 6, 6)),
        ((0, 0, 4, 4), (0, 0, 4, 4)),
        ((0, 1, 4, 4), (2, 2, 9, 6)),
        ((0, 0, 2, 2), (5, 5, 6, 6)),
        ((0, 0, 2, 9), (5, 0, 6, 9)),
    ]

    def common(a, b, end=0, least=0):
        sides = [min(a[i + 2], b[i + 2]) - max(a[i], b[i]) + end for i in (0, 1)]
        return max(sides[0], least) * max(sides[1], least)

    def area(box, end=0):
        return (box[2] - box[0] + end) * (box[3] - box[1] + end)

    def over_union(a, b, **how):
        shared, end = common(a, b, **how), how.get("end", 0)
        return shared / (area(a, end) + area(b, end) - shared)

    def hull(a, b):
        return area([*map(min, a[:2], b[:2]), *map(max, a[2:], b[2:])])

    compare_all(function, cases, over_union, "the overlap of {0[0]} and {0[1]}", [
        ("disjoint boxes share nothing: a negative width is none",
         lambda a, b: over_union(a, b, least=-99)),
        ("it counts the intersection twice in the union",
         lambda a, b: common(a, b) / (area(a) + area(b))),
        ("it is the intersection: divide by the union", common),
        ("it is divided by the first box, not by the union", lambda a, b: common(a, b) / area(a)),
        ("it is divided by the second box, not by the union", lambda a, b: common(a, b) / area(b)),
        ("it is divided by the smaller box, not by the union",
         lambda a, b: common(a, b) / min(area(a), area(b))),
        ("it is divided by the larger box, not by the union",
         lambda a, b: common(a, b) / max(area(a), area(b))),
        ("it is divided by the box around both, not by the union",
         lambda a, b: common(a, b) / hull(a, b)),
        ("it counts one pixel too many on each side: right and bottom are exclusive",
         lambda a, b: over_union(a, b, end=1)),
        ("it is 1 minus the overlap", lambda a, b: 1 - over_union(a, b)),
    ])  # fmt: skip
    return "equal, disjoint and partly overlapping boxes"


@check
def rules(function) -> str:
    """through_relu(gy, y, rule) -> gx at a ReLU with the output y."""
    gy, y = np.array([2.0, -2, 2, -2]), np.array([3.0, 1, 0, 0])
    by_rule = {
        "plain": gy * (y > 0),
        "deconvolution": np.maximum(gy, 0),
        "guided": np.maximum(gy, 0) * (y > 0),
    }
    for rule, right in by_rule.items():
        mine, of = function(gy, y, rule), f"gx by rule {rule!r}"
        other = [(f"{of} is that of rule {name!r}", gx) for name, gx in by_rule.items()]
        compare(mine, right, of, mistakes=[
            *other,
            (f"{of} is multiplied by y, but only its sign counts", right * y),
            (f"{of} always passes gy", gy),
            (f"{of} also passes where y is 0: y > 0, not y >= 0", gy * (y >= 0)),
            (f"{of} is the ReLU's output instead of a gradient", y),
            (f"{of} passes 1 instead of gy", (right > 0) * 1.0),
            (f"{of} takes the absolute value of gy", abs(gy) * (y > 0)),
        ])  # fmt: skip
    return "all three rules"


@check
def climbing(function) -> str:
    """climb(x, gx, rate, decay) -> the next image: a step up, the gradient of length 1, decay."""
    rng = np.random.default_rng(SEED)
    x, gx = rng.standard_normal((3, 4)), rng.standard_normal((3, 4))
    unit, before = gx / np.linalg.norm(gx), x.copy()
    for factor in (1.0, 1e3):
        mine = function(x, factor * gx, 0.5, 0.1)
        if not np.array_equal(x, before):
            raise No("x has changed")
        compare(mine, 0.9 * (x + 0.5 * unit), "the next image", 1e-6, [
            ("the step goes down: look at the sign", 0.9 * (x - 0.5 * unit)),
            ("the gradient is not normalised to length 1", 0.9 * (x + 0.5 * factor * gx)),
            ("the gradient is divided by the square of its length",
             0.9 * (x + 0.5 * unit / np.linalg.norm(factor * gx))),
            ("the gradient is divided by its largest value, not by its length",
             0.9 * (x + 0.5 * gx / abs(gx).max())),
            ("rows of the gradient have length 1 instead of the whole",
             0.9 * (x + 0.5 * gx / np.linalg.norm(gx, axis=1, keepdims=True))),
            ("x does not shrink", x + 0.5 * unit),
            ("x shrinks before the step, not after it", 0.9 * x + 0.5 * unit),
            ("x shrinks to decay, not by it", 0.1 * (x + 0.5 * unit)),
            ("x grows instead of shrinking", 1.1 * (x + 0.5 * unit)),
            ("the rate is left out", 0.9 * (x + unit)),
            ("x is left out: it is the step alone", 0.9 * 0.5 * unit),
        ])  # fmt: skip
    return "a step of constant length"
