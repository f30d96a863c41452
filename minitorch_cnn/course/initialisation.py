"""Notebook 4: checks of initialisations, of statistics through depth and of nonlinearities."""

import numpy as np

from .answer import check
from .compare import No, array, compare

SEED = 4


@check
def fans(function) -> str:
    """fans(shape) -> (fan_in, fan_out) of a weight (O, I) or (O, C, K, K)."""
    for O, C, *window in [(5, 7), (8, 3, 5, 5), (4, 6, 3, 1)]:
        area = int(np.prod(window))
        of = f"the fans of a weight of shape {(O, C, *window)}"
        compare(tuple(function((O, C, *window))), (C * area, O * area), of, mistakes=[
            (f"{of} are exchanged: a weight (O, I) has I inputs and O outputs",
             (O * area, C * area)),
            (f"{of} lack the window's area", (C, O)),
            (f"{of}: fan_out lacks the window's area", (C * area, O)),
            (f"{of}: fan_in lacks the window's area", (C, O * area)),
            (f"{of} have one side of the window, not its area",
             (C * max(window, default=1), O * max(window, default=1))),
        ])  # fmt: skip
    return "of linear layers and of convolutions"


@check
def deviation(function) -> str:
    """deviation(rule, fan_in, fan_out) -> standard deviation of the weights."""
    n, m = 350, 100
    for rule, variance in [
        ("lecun", 1 / n),
        ("torch", 1 / (3 * n)),
        ("glorot", 2 / (n + m)),
        ("he", 2 / n),
    ]:
        mine, of = float(function(rule, n, m)), f"the deviation of rule {rule!r}"
        mistakes = [
            (f"{of} is a variance: take the root", variance),
            (f"{of} is the bound b of U(-b, b), not its deviation", (3 * variance) ** 0.5),
            (f"{of} is divided by 3 instead of the variance", 1 / (3 * n**0.5)),
            (f"{of} has the inputs and outputs exchanged", (variance * n / m)**0.5),
            (f"{of} has the sum of both fans instead of their mean", (1 / (n + m))**0.5),
        ]  # fmt: skip
        if rule != "glorot" and np.isclose(mine, np.sqrt(2 / (n + m))):
            raise No(f"{of} is that of rule 'glorot'")
        for why, wrong in mistakes:
            if np.isclose(mine, wrong) and not np.isclose(wrong**2, variance):
                raise No(why)
        if not np.isclose(mine, variance**0.5):
            ratio = mine**2 / variance
            raise No(f"the variance of rule {rule!r} is {ratio:.3g} times what it should be")
    return "the standard deviations of all four rules"


@check
def signals(function) -> str:
    """signals(x, weights, activation) -> a list of the outputs of all layers."""
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal((6, 5))
    weights = [rng.standard_normal((5, 5)) for _ in range(4)]
    mine, y = list(function(x, weights, np.tanh)), x
    if len(mine) == 5 and np.allclose(array(mine[0]), x):
        raise No("the list begins with x, which is not the output of a layer")
    if len(mine) != 4:
        raise No(f"4 layers give 4 arrays, not {len(mine)}: one for each layer, not the last only")
    for i, w in enumerate(weights):
        mistakes = [
            (f"layer {i + 1} multiplies by w: its weights are (O, I), so it takes w.T",
             np.tanh(y @ w)),
            (f"layer {i + 1} has no nonlinearity", y @ w.T),
            (f"layer {i + 1} starts from x again, not from the previous output",
             np.tanh(x @ w.T)),
        ]  # fmt: skip
        y = np.tanh(y @ w.T)
        compare(mine[i], y, f"the output of layer {i + 1}", mistakes=mistakes[: 3 if i else 2])
    return "the outputs of every layer"


@check
def gradients(function) -> str:
    """gradients(gy, weights, outputs, slope) -> a list of gradients, first layer to last."""
    rng = np.random.default_rng(SEED)
    x, gy = rng.standard_normal((6, 5)), rng.standard_normal((6, 5))
    weights, outputs, y = [rng.standard_normal((5, 5)) for _ in range(3)], [], x
    for w in weights:
        y = np.tanh(y @ w.T)
        outputs.append(y)

    def slope(y):
        return 1 - y**2

    mine = list(function(gy, weights, outputs, slope))
    if len(mine) == 4:
        raise No("3 layers give 3 gradients, not 4: omit that of x")
    if len(mine) != 3:
        raise No(f"3 layers give 3 gradients, not {len(mine)}")
    if not np.allclose(array(mine[2]), gy) and np.allclose(array(mine[0]), gy):
        raise No("the list is in the order of backward: put the first layer first")
    compare(mine[2], gy, "the gradient of the last layer's output, which is gy,")
    g = gy
    for i in (1, 0):
        w, below, y = weights[i + 1], outputs[i], outputs[i + 1]
        mistakes = [
            ("multiplies by w.T: forward it was w.T, so back it is w", (g * slope(y)) @ w.T),
            ("has no slope of the nonlinearity", g @ w),
            ("has the slope of the layer's own output, not of the next layer",
             (g * slope(below)) @ w),
            ("has the slope after the weights: backward it comes first", (g @ w) * slope(below)),
            ("has the weights of its own layer, not of the next layer",
             (g * slope(y)) @ weights[i]),
            ("starts from gy again, not from the next layer's gradient", (gy * slope(y)) @ w),
        ]  # fmt: skip
        g = (g * slope(y)) @ w
        of = f"the gradient of the output of layer {i + 1}"
        compare(mine[i], g, of, mistakes=[(f"{of} {why}", wrong) for why, wrong in mistakes])
    return "the gradient of every layer's output"


@check
def elu(function) -> str:
    """elu(a) -> a above 0, e^a - 1 below; arrays, without overflow."""
    a = np.array([-800.0, -2, -1e-9, 0, 1e-9, 3, 800])
    low, high = np.minimum(a, 0), np.minimum(a, 600)
    with np.errstate(over="raise"):
        try:
            mine = function(a)
        except FloatingPointError:
            raise No("e^800 overflows: np.where computes both sides for all of a") from None
    compare(mine, np.where(a > 0, a, np.expm1(low)), "elu(a)", mistakes=[
        ("the two cases are exchanged, as on a well-known slide",
         np.where(a > 0, np.expm1(high), a)),
        ("the two cases are exchanged, as on a well-known slide",
         np.where(a > 0, np.expm1(low), a)),
        ("the two cases are exchanged: keep a above 0", np.where(a < 0, a, np.expm1(low))),
        ("below 0 it is e^a: subtract 1", np.where(a > 0, a, np.exp(low))),
        ("below 0 it is e^a + 1: look at the sign", np.where(a > 0, a, np.exp(low) + 1)),
        ("below 0 it is 1 - e^a: look at the sign", np.where(a > 0, a, -np.expm1(low))),
        ("below 0 it is 0: that is a ReLU", np.maximum(a, 0)),
        ("below 0 it is e^(-a) - 1: look at the sign",
         np.where(a > 0, a, np.expm1(np.minimum(-low, 2)))),
    ])  # fmt: skip
    return "both cases, and no overflow at 800"


@check
def dead(function) -> str:
    """dead_share(y) -> the fraction of units (columns) that are zero for every sample (row)."""
    y = np.array([[0.0, 1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 3, 2, 0, 0]])
    compare(float(function(y)), 0.6, "the share of dead units, 3 of 5,", mistakes=[
        ("that is the share of zeros: a dead unit is zero for every sample", (y == 0).mean()),
        ("that is the share of samples with nothing but zeros: units are columns", 1 / 3),
        ("that counts units that are zero for any sample: dead ones are zero for all", 1.0),
        ("that is their number, not their share", 3.0),
        ("that is the share of units that are alive", 0.4),
    ])  # fmt: skip
    return "zero for every sample"
