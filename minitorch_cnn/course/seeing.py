"""Notebook 10: checks of activation maps, boxes and backward rules of a ReLU."""

import numpy as np

from .. import nn
from ..analysis import class_activation_maps, saliency
from ..analysis.class_activation import box_iou
from ..functional import normalize
from ..optim import SGD
from ..tensor import tensor
from .answer import check
from .compare import No, array, compare, compare_all

SEED = 10
RULES = ("plain", "deconvolution", "guided")


def evidence(maps: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The library's activation map (H, W) of maps (C, H, W), for a class of weights (C,)."""
    linear = nn.Linear(len(weights), 1, bias=False)
    net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear).double()
    net.load_state_dict({"2.weight": tensor(weights[None])})
    return class_activation_maps(net, tensor(maps[None]), np.array([0])).maps[0]


@check
def activation_map(function, *, seed: int = SEED) -> str:
    """activation_map(maps, weights) -> (H, W), of maps (C, H, W), weights (C,)."""
    rng = np.random.default_rng(seed)
    maps, weights = rng.standard_normal((4, 4, 4)), rng.standard_normal(4)
    right, plain = evidence(maps, weights), evidence(maps, np.ones(4))
    each = [evidence(maps, weights * (np.arange(4) == c)) for c in range(4)]
    rows, columns = (evidence(np.moveaxis(maps, axis, 0), np.ones(4)) for axis in (1, 2))
    compare(function(maps, weights), right, "the map", mistakes=[
        ("the weights multiply columns: they belong to the channels", plain * weights),
        ("the weights multiply rows: they belong to the channels", plain * weights[:, None]),
        ("the map is a mean over the channels, not their sum", right / 4),
        ("the map is a sum without weights", plain),
        ("only the last channel is left: = instead of +=", each[-1]),
        ("negative values are cut off: a pixel may be evidence against a class",
         np.maximum(right, 0)),
        ("the absolute values are summed", evidence(abs(maps), abs(weights))),
        ("it is the largest channel, not the sum of all", np.max(each, 0)),
        ("it sums rows instead of channels", rows * weights[:, None]),
        ("it sums columns instead of channels", columns * weights[:, None]),
    ])  # fmt: skip
    maps = rng.standard_normal((5, 3, 4))
    weights = rng.standard_normal(5)
    right = evidence(maps, weights)
    compare(function(maps, weights), right, "the map of 5 channels of 3 x 4 pixels")
    return "the mean of the map is the logit"


@check
def box(function, *, seed: int = SEED) -> str:
    """bright_box(heat, threshold) -> left, top, right, bottom, the last two exclusive."""
    rng = np.random.default_rng(seed)
    down, across = (0, 0) if seed == SEED else rng.integers(0, 4, 2).tolist()
    bright = np.zeros((7 + down, 9 + across))
    bright[2 + down : 4 + down, 3 + across : 8 + across] = 5
    bright[5 + down, 4 + across] = 2  # two fifths of the largest
    bright[0, 0] = -9
    for threshold, below in [(0.5, 0), (0.3, 2), (0.4, 2)]:
        l, t, r, b = 3 + across, 2 + down, 8 + across, 4 + down + below
        mine = tuple(int(value) for value in function(bright, threshold))
        swapped = "rows and columns are exchanged: left and right are columns"
        of = f"with threshold {threshold} the box"
        compare(mine, (l, t, r, b), of, mistakes=[
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
             (l, t, r, b + 2) if threshold == 0.5 else (-1, -1, -1, -1)),
            (f"{of} omits pixels that equal the threshold: they are bright, too",
             (l, t, r, b - 2) if threshold == 0.4 else (-1, -1, -1, -1)),
            (f"{of} counts large negative values as bright: no absolute value",
             (0, 0, r, 6 + down)),
        ])  # fmt: skip
    return "all bright pixels, and no extra row or column"


def pixels(*corners: int) -> np.ndarray:
    """A mask of 32 x 32 with the pixels of a box."""
    left, top, right, bottom = corners
    mask = np.zeros((32, 32), bool)
    mask[top:bottom, left:right] = True
    return mask


def iou(a, b, end: int = 0) -> float:
    """The library's intersection over union of two boxes that end so many pixels later."""
    later = np.array([0, 0, end, end])
    return float(box_iou(np.array([a]) + later, np.array([b]) + later)[0])


@check
def overlap(function, *, seed: int = SEED) -> str:
    """overlap(a, b) -> intersection over union of two boxes."""
    rng = np.random.default_rng(seed)
    at = np.zeros(2, int) if seed == SEED else rng.integers(1, 6, 2)

    def placed(*pair: tuple[int, int, int, int]) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple((np.array(box) + np.tile(at, 2)).tolist()) for box in pair)

    wide = 4 if seed == SEED else int(rng.integers(5, 12))
    cases = [
        placed((0, 0, wide, 4), (2, 2, 6, 6)),
        placed((0, 0, wide, 4), (0, 0, wide, 4)),
        placed((0, 1, 4, 4), (2, 2, wide + 5, 6)),
    ]

    def over(what):
        """A mistake: the shared pixels, divided by what(pixels of a, pixels of b)."""
        return lambda a, b: (pixels(*a) & pixels(*b)).sum() / what(pixels(*a), pixels(*b))

    def around(a, b):
        rows, columns = np.nonzero(a | b)
        return (1 + np.ptp(rows)) * (1 + np.ptp(columns))

    compare_all(function, cases, iou, "the overlap of {0[0]} and {0[1]}", [
        ("it counts the intersection twice in the union", over(lambda a, b: a.sum() + b.sum())),
        ("it is the intersection: divide by the union", over(lambda a, b: 1)),
        ("it is divided by the first box, not by the union", over(lambda a, b: a.sum())),
        ("it is divided by the second box, not by the union", over(lambda a, b: b.sum())),
        ("it is divided by the smaller box, not by the union",
         over(lambda a, b: min(a.sum(), b.sum()))),
        ("it is divided by the larger box, not by the union",
         over(lambda a, b: max(a.sum(), b.sum()))),
        ("it is divided by the box around both, not by the union", over(around)),
        ("it counts one pixel too many on each side: right and bottom are exclusive",
         lambda a, b: iou(a, b, end=1)),
        ("it is 1 minus the overlap", lambda a, b: 1 - iou(a, b)),
    ])  # fmt: skip
    for pair in (((0, 0, 2, 2), (5, 5, 6, 6)), ((0, 0, 2, 9), (5, 0, 6, 9))):
        if array(function(*placed(*pair))) != 0:
            raise No("disjoint boxes share nothing: a negative width is none")
    return "equal, disjoint and partly overlapping boxes"


def by_saliency(gy: np.ndarray, y: np.ndarray, rule: str) -> np.ndarray:
    """The library's gx at a ReLU with the output y, whose outputs have the weights gy."""
    linear = nn.Linear(len(y), 1, bias=False)
    net = nn.Sequential(nn.ReLU(), nn.Flatten(), linear).double()
    net.load_state_dict({"2.weight": tensor(gy[None])})
    x = np.where(y > 0, y, -1.0).reshape(1, -1, 1, 1)
    return saliency(net, tensor(x), np.array([0]), [rule]).maps[rule].ravel()


@check
def rules(function, *, seed: int = SEED) -> str:
    """through_relu(gy, y, rule) -> gx at a ReLU with the output y."""
    gy, y = np.array([2.0, -2, 2, -2]), np.array([3.0, 1, 0, 0])
    if seed != SEED:
        rng = np.random.default_rng(seed)
        order = rng.permutation(4)
        gy, y = gy[order] * rng.uniform(0.5, 2, 4), y[order] * rng.uniform(0.5, 2, 4)
    by_rule = {rule: by_saliency(gy, y, rule) for rule in RULES}
    for rule, right in by_rule.items():
        mine, of = function(gy, y, rule), f"gx by rule {rule!r}"
        other = [(f"{of} is that of rule {name!r}", gx) for name, gx in by_rule.items()]
        compare(mine, right, of, mistakes=[
            *other,
            (f"{of} is multiplied by y, but only its sign counts", right * y),
            (f"{of} always passes gy", gy),
            (f"{of} is the ReLU's output instead of a gradient", y),
            (f"{of} passes 1 instead of gy", right != 0),
            (f"{of} takes the absolute value of gy", abs(by_rule["plain"])),
        ])  # fmt: skip
    return "all three rules"


@check
def climbing(function, *, seed: int = SEED) -> str:
    """climb(x, gx, rate, decay) -> the next image: a step up, the gradient of length 1, decay."""
    rng = np.random.default_rng(seed)
    x, gx = rng.standard_normal((3, 4)), rng.standard_normal((3, 4))
    rate, decay = (0.5, 0.1) if seed == SEED else rng.uniform(0.2, 0.8, 2)
    flat = normalize(tensor(gx.ravel()), dim=0).reshape(3, 4)

    def climbed(gradient: np.ndarray, lr: float = rate) -> np.ndarray:
        """x after a step of SGD that maximises, before it shrinks."""
        leaf = tensor(x.copy(), requires_grad=True)
        leaf.grad = tensor(gradient)
        SGD([leaf], lr=lr, maximize=True).step()
        return leaf.detach().numpy()

    unit, keep, before = flat.numpy(), 1 - decay, x.copy()
    right = keep * climbed(unit)
    for factor in (1.0, 1e3):
        mine = function(x, factor * gx, rate, decay)
        if not np.array_equal(x, before):
            raise No("x has changed")
        rows = normalize(tensor(gx), dim=1).numpy()
        compare(mine, right, "the next image", 1e-6, [
            ("the step goes down: look at the sign", keep * climbed(-unit)),
            ("the gradient is not normalised to length 1", keep * climbed(factor * gx)),
            ("the gradient is divided by the square of its length",
             keep * climbed(unit**2 / (factor * gx))),
            ("the gradient is divided by its largest value, not by its length",
             keep * climbed(unit / abs(unit).max())),
            ("rows of the gradient have length 1 instead of the whole", keep * climbed(rows)),
            ("x does not shrink", climbed(unit)),
            ("x shrinks before the step, not after it", climbed(unit) - decay * x),
            ("x shrinks to decay, not by it", decay * climbed(unit)),
            ("x grows instead of shrinking", (1 + decay) * climbed(unit)),
            ("the rate is left out", keep * climbed(unit, lr=1.0)),
            ("x is left out: it is the step alone", right - keep * x),
        ])  # fmt: skip
    return "a step of constant length"
