"""Notebook 4: checks of initialisations, of statistics through depth and of nonlinearities."""

import math

import numpy as np

from .. import functional as F
from ..autograd import grad
from ..nn import init
from ..tensor import tensor
from .answer import check
from .compare import No, array, compare

SEED = 4


def library_fans(shape) -> tuple[int, int]:
    """(fan_in, fan_out) of the library."""
    return init._calculate_fan_in_and_fan_out(tensor(np.empty(shape)))


@check
def fans(function, *, seed=SEED) -> str:
    """fans(shape) -> (fan_in, fan_out) of a weight (O, I) or (O, C, K, K)."""
    a, b, c, d = np.random.default_rng(seed).permutation(np.arange(4, 10)).tolist()[:4]
    for O, C, *window in [(a, b), (c, d, 5, 5), (b, d, 3, 1)]:
        inputs, outputs = library_fans((O, C, *window))
        of = f"the fans of a weight of shape {(O, C, *window)}"
        side = max(window, default=1)
        compare(tuple(function((O, C, *window))), (inputs, outputs), of, mistakes=[
            (f"{of} are exchanged: a weight (O, I) has I inputs and O outputs", (outputs, inputs)),
            (f"{of} lack the window's area", (C, O)),
            (f"{of}: fan_out lacks the window's area", (inputs, O)),
            (f"{of}: fan_in lacks the window's area", (C, outputs)),
            (f"{of} have one side of the window, not its area", (C * side, O * side)),
        ])  # fmt: skip
    return "of linear layers and of convolutions"


def library_deviation(rule: str, fan_in: int, fan_out: int) -> float:
    """The deviation by the library's gains."""
    gains = {"he": ("relu", None), "torch": ("leaky_relu", math.sqrt(5))}
    gain = init.calculate_gain(*gains.get(rule, ("linear", None)))
    return gain / math.sqrt((fan_in + fan_out) / 2 if rule == "glorot" else fan_in)


@check
def deviation(function, *, seed=SEED) -> str:
    """deviation(rule, fan_in, fan_out) -> standard deviation of the weights."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(300, 400)), int(rng.integers(100, 200))
    for rule in ("lecun", "torch", "glorot", "he"):
        mine, right = float(function(rule, n, m)), library_deviation(rule, n, m)
        of = f"the deviation of rule {rule!r}"
        mistakes = [
            (f"{of} is a variance: take the root", right**2),
            (f"{of} is the bound b of U(-b, b), not its deviation", right * 3**0.5),
            (f"{of} is divided by 3 instead of the variance", right / 3**0.5),
            (f"{of} has the inputs and outputs exchanged", right * (n / m) ** 0.5),
            (f"{of} has the sum of both fans instead of their mean", (n + m) ** -0.5),
        ]
        if rule != "glorot" and np.isclose(mine, library_deviation("glorot", n, m)):
            raise No(f"{of} is that of rule 'glorot'")
        for why, wrong in mistakes:
            if np.isclose(mine, wrong) and not np.isclose(wrong, right):
                raise No(why)
        if not np.isclose(mine, right):
            ratio = (mine / right) ** 2
            raise No(f"the variance of rule {rule!r} is {ratio:.3g} times what it should be")
    return "the standard deviations of all four rules"


def layer(x, w):
    """A layer's sums by the library."""
    return F.linear(tensor(np.array(x)), tensor(np.array(w)))


@check
def signals(function, *, seed=SEED) -> str:
    """signals(x, weights, activation) -> a list of the outputs of all layers."""
    rng = np.random.default_rng(seed)
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
             layer(y, w.T).tanh()),
            (f"layer {i + 1} has no nonlinearity", layer(y, w)),
            (f"layer {i + 1} starts from x again, not from the previous output",
             layer(x, w).tanh()),
        ]  # fmt: skip
        y = array(layer(y, w).tanh())
        compare(mine[i], y, f"the output of layer {i + 1}", mistakes=mistakes[: 3 if i else 2])
    return "the outputs of every layer"


def pulled(g, w):
    """The library's gradient of a layer's input: g is that of its sums."""
    x = tensor(np.zeros((len(g), w.shape[1])), requires_grad=True)
    return array(grad(F.linear(x, tensor(np.array(w))), x, tensor(np.array(g)))[0])


@check
def gradients(function, *, seed=SEED) -> str:
    """gradients(gy, weights, outputs, slope) -> a list of gradients, first layer to last."""
    rng = np.random.default_rng(seed)
    gy, weights = rng.standard_normal((6, 5)), rng.standard_normal((3, 5, 5))
    ends = [tensor(rng.standard_normal((6, 5)), requires_grad=True)]
    for w in weights:
        ends.append(F.linear(ends[-1], tensor(w)).tanh())
    outputs = [array(end) for end in ends[1:]]
    below = [array(g) for g in grad(ends[3], ends[1:3], tensor(gy))]

    def slope(y):
        return 1 - y**2

    mine = list(function(gy, list(weights), outputs, slope))
    if len(mine) == 4:
        raise No("3 layers give 3 gradients, not 4: omit that of x")
    if len(mine) != 3:
        raise No(f"3 layers give 3 gradients, not {len(mine)}")
    if not np.allclose(array(mine[2]), gy) and np.allclose(array(mine[0]), gy):
        raise No("the list is in the order of backward: put the first layer first")
    compare(mine[2], gy, "the gradient of the last layer's output, which is gy,")
    for i, g in ((1, gy), (0, below[1])):
        w, own, steep = weights[i + 1], slope(outputs[i]), slope(outputs[i + 1])
        mistakes = [
            ("multiplies by w.T: forward it was w.T, so back it is w", pulled(g * steep, w.T)),
            ("has no slope of the nonlinearity", pulled(g, w)),
            ("has the slope of the layer's own output, not of the next layer", pulled(g * own, w)),
            ("has the slope after the weights: backward it comes first", pulled(g, w) * own),
            ("has the weights of its own layer, not of the next layer",
             pulled(g * steep, weights[i])),
            ("starts from gy again, not from the next layer's gradient", pulled(gy * steep, w)),
        ]  # fmt: skip
        of = f"the gradient of the output of layer {i + 1}"
        compare(mine[i], below[i], of, mistakes=[(f"{of} {why}", bad) for why, bad in mistakes])
    return "the gradient of every layer's output"


@check
def elu(function, *, seed=SEED) -> str:
    """elu(a) -> a above 0, e^a - 1 below; arrays, without overflow."""
    a = np.array([-800.0, -2, -1e-9, 0, 1e-9, 3, 800])
    a = np.concatenate([a, np.random.default_rng(seed).standard_normal(9)])
    right, above, low = array(F.elu(tensor(a))), array(F.relu(tensor(a))), a <= 0
    with np.errstate(over="raise"):
        try:
            mine = function(a)
        except FloatingPointError:
            raise No("e^800 overflows: np.where computes both sides for all of a") from None
    compare(mine, right, "elu(a)", mistakes=[
        ("the two cases are exchanged, as on a well-known slide", other_case(a)),
        ("the two cases are exchanged: keep a above 0", a - above),
        ("below 0 it is e^a: subtract 1", right + low),
        ("below 0 it is e^a + 1: look at the sign", right + 2 * low),
        ("below 0 it is 1 - e^a: look at the sign", 2 * above - right),
        ("below 0 it is 0: that is a ReLU", above),
        ("below 0 it is e^(-a) - 1: look at the sign",
         above + np.expm1(np.minimum(above - a, 2))),
    ])  # fmt: skip
    return "both cases, and no overflow at 800"


def other_case(a):
    """Of a and e^a - 1 the one that the library's ELU does not take."""
    return a + np.expm1(np.minimum(a, 600)) - array(F.elu(tensor(np.minimum(a, 600))))


@check
def dead(function, *, seed=SEED) -> str:
    """dead_share(y) -> the fraction of units (columns) that are zero for every sample (row)."""
    rng = np.random.default_rng(seed)
    y, dead = rng.uniform(1, 2, (6, 10)), int(rng.integers(2, 5))
    y[1] = y[3, ::2] = 0
    y[:, rng.permutation(10)[:dead]] = 0
    of = f"the share of dead units, {dead} of 10,"
    compare(float(function(y)), dead / 10, of, mistakes=[
        ("that is the share of zeros: a dead unit is zero for every sample",
         1 - np.count_nonzero(y) / y.size),
        ("that is the share of samples with nothing but zeros: units are columns", 1 / 6),
        ("that counts units that are zero for any sample: dead ones are zero for all", 1.0),
        ("that is their number, not their share", float(dead)),
        ("that is the share of units that are alive", 1 - dead / 10),
    ])  # fmt: skip
    return "zero for every sample"
