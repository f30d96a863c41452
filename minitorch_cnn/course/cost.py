"""Notebook 5: checks of the costs of layers."""

import numpy as np

from .. import nn
from ..analysis import summary
from ..kernels.window import Window
from ..tensor import zeros
from .answer import borrowing, check
from .compare import No, compare, compare_all

SEED = 5


def side(n, K, S, P) -> int:
    """The library's size of an output."""
    return Window(K, S, P).output_size(n, n)[0]


def counts(layer, *shape) -> tuple[int, int, int]:
    """The library's elements of the output, parameters and multiply-adds of a layer."""
    with nn.shapes_only():
        (row,) = (row for row in summary(nn.Sequential(layer()), shape).rows if row.memory_bytes)
    return row.memory_bytes // 4, row.params, row.macs


def library_convolution(c_in, n, filters, K, S, P):
    return counts(lambda: nn.Conv2d(c_in, filters, K, S, P), c_in, n, n)


def library_linear(inputs, outputs):
    return counts(lambda: nn.Linear(inputs, outputs), inputs)


@check
def output_size(function, *, seed=SEED) -> str:
    """output_size(n, K, S, P) -> the side of the output in pixels."""
    cases = [(227, 11, 4, 2), (56, 3, 2, 0), (27, 5, 1, 2), (224, 7, 2, 3), (8, 3, 2, 1)]
    cases.append((int(np.random.default_rng(seed).integers(30, 99)), 4, 3, 1))
    compare_all(function, cases, side, "for n, K, S, P = {} the size", [
        ("the size counts a window that does not fit: round down",
         lambda n, K, S, P: side(n, K, S, P) + bool((n + 2 * P - K) % S)),
        ("the size is one too small: the first window counts, too",
         lambda n, K, S, P: side(n, K, S, P) - 1),
        ("the size has the padding of one end only: there are two",
         lambda n, K, S, P: side(n + P, K, S, 0)),
        ("the size has no padding", lambda n, K, S, P: side(n, K, S, 0)),
        ("the size is not a whole number: what does not fit is left over",
         lambda n, K, S, P: (side(n, K, 1, P) - 1) / S + 1),
        ("the size is that of stride 1", lambda n, K, S, P: side(n, K, 1, P)),
        ("the size adds 1 before it divides by the stride",
         lambda n, K, S, P: side(n, K, 1, P) // S),
        ("the size subtracts the padding instead of adding it",
         lambda n, K, S, P: side(n - 4 * P, K, S, P)),
    ])  # fmt: skip
    return "six layers, with windows that do not fit evenly among them"


@check
def convolution(function, *, seed=SEED) -> str:
    """convolution(c_in, n, filters, K, S, P) -> (elements of the output, parameters, macs)."""
    c, o = np.random.default_rng(seed).permutation(np.arange(3, 9)).tolist()[:2]
    for case in [(3, 227, 64, 11, 4, 2), (64, 56, 192, 1, 1, 0), (c, 9, o, 3, 2, 1)]:
        with borrowing(function, output_size=side):
            elements, params, macs = function(*case)
        right = library_convolution(*case)
        c, n, o, k, *_ = case
        of = f"of c_in, n, filters, K, S, P = {case}"
        one_map, weights = right[0] // o, right[1] - o
        compare(elements, right[0], f"the elements of the output {of}", mistakes=[
            (f"the elements {of} are those of one map: there is one for each filter", one_map),
            (f"the elements {of} are those of the input's size", o * n * n),
            (f"the elements {of} have one side only: a map is square", o * one_map**0.5),
            (f"the elements {of} are those of the input's channels", c * one_map),
        ])  # fmt: skip
        compare(params, right[1], f"the parameters {of}", mistakes=[
            (f"the parameters {of} lack the biases: one for each filter", weights),
            (f"the parameters {of} have a bias for each input channel", weights + c),
            (f"the parameters {of} have one bias for all filters", weights + 1),
            (f"the parameters {of} lack the input's channels", weights // c + o),
            (f"the parameters {of} have one side of the window: it is square", weights // k + o),
        ])  # fmt: skip
        compare(macs, right[2], f"the multiply-adds {of}", mistakes=[
            (f"the multiply-adds {of} are at the input's positions, not the output's",
             weights * n * n),
            (f"the multiply-adds {of} count the biases, which are free", right[1] * one_map),
            (f"the multiply-adds {of} are counted at one position only", weights),
            (f"the multiply-adds {of} are counted along one side of the output",
             weights * one_map**0.5),
            (f"the multiply-adds {of} are counted as two operations", 2 * right[2]),
            (f"the multiply-adds {of} lack the input's channels", right[2] // c),
        ])  # fmt: skip
    return "elements, parameters with biases, multiply-adds"


@check
def linear(function, *, seed=SEED) -> str:
    """linear(inputs, outputs) -> (elements of the output, parameters, macs)."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(200, 400)), int(rng.integers(20, 40))
    elements, params, macs = function(n, m)
    right, of = library_linear(n, m), f"of {n} -> {m}"
    compare(elements, right[0], f"the elements of the output {of}", mistakes=[
        (f"the elements {of} are those of the input", n)])  # fmt: skip
    compare(params, right[1], f"the parameters {of}", mistakes=[
        (f"the parameters {of} lack the biases: one for each output", right[2]),
        (f"the parameters {of} have a bias for each input", right[2] + n),
        (f"the parameters {of} have one bias for all outputs", right[2] + 1),
    ])  # fmt: skip
    compare(macs, right[2], f"the multiply-adds {of}", mistakes=[
        (f"the multiply-adds {of} count the biases, which are free", right[1]),
        (f"the multiply-adds {of} are counted as two operations", 2 * right[2]),
    ])  # fmt: skip
    return "elements, parameters with biases, multiply-adds"


def tower(seed) -> tuple[list[tuple], int, int]:
    """A net in the form of the notebook's list, with its input's channels and pixels."""
    rng = np.random.default_rng(seed)
    a, b, c, d = (int(n) for n in rng.integers(5, 40, 4))
    layers: list[tuple] = [
        ("conv1", a, 5, 2, 1), ("pool1", None, 3, 2, 0), ("conv2", b, 3, 1, 1),
        ("pool2", None, 2, 2, 0), ("fc3", c), ("fc4", d),
    ]  # fmt: skip
    return layers, int(rng.integers(1, 4)), int(rng.integers(30, 60))


def library_rows(layers, c, n) -> list[tuple]:
    """(name, input's shape, elements, parameters, multiply-adds) of each layer by the library."""
    x, rows = zeros(1, c, n, n), []
    for name, *sizes in layers:
        if name.startswith("fc"):
            x = x.flatten(1)
        make = {"c": nn.Conv2d, "p": nn.MaxPool2d, "f": nn.Linear}[name[0]]
        layer = make(*sizes[1:]) if name[0] == "p" else make(x.shape[1], *sizes)
        rows.append((name, tuple(x.shape[1:]), *counts(lambda layer=layer: layer, *x.shape[1:])))
        x = layer(x)
    return rows


@check
def table(function, *, seed=SEED) -> str:
    """table(layers, c, n) -> [(name, elements, parameters, multiply-adds)] of every layer."""
    layers, c, n = tower(seed)
    right = library_rows(layers, c, n)
    borrowed = {"output_size": side, "convolution": library_convolution, "linear": library_linear}
    with borrowing(function, **borrowed):
        mine = [tuple(row) for row in function(layers, c, n)]
    names = [row[0] for row in right]
    if [row[0] for row in mine] != names:
        raise No(f"the rows are of {[row[0] for row in mine]}, the layers are {names}")
    before = "does it get the channels and the pixels that the layer before left?"
    for row, (name, shape, *numbers) in zip(mine, right, strict=True):
        kinds = ("elements", "parameters", "multiply-adds")
        for kind, found, wanted in zip(kinds, row[1:], numbers, strict=True):
            if found == wanted:
                continue
            if name == "fc3":
                maps = layers[2][1], round((shape[0] / layers[2][1]) ** 0.5)
                sees = f"it sees {maps[0]} maps of {maps[1]} x {maps[1]} pixels"
            elif name == "fc4":
                sees = f"it sees the {shape[0]} outputs of the layer before"
            else:
                sees = before
            raise No(f"{name} of a net of 6 layers cannot have {found:,} {kind}: {sees}")
    return f"elements, parameters and multiply-adds of {len(right)} layers"


@check
def errata(function, *, seed=SEED) -> str:
    """wrong_claims(slides, counted) -> the names of the claims that are off by more than 2 %."""
    rng = np.random.default_rng(seed)
    errors = rng.permutation([0.0, 0.004, -0.015, 0.3, -0.4, 0.05, -0.06, 0.9])
    right = {f"claim {i}": float(rng.integers(1000, 9000)) for i in range(8)}
    claims = {name: right[name] * (1 + e) for name, e in zip(right, errors, strict=True)}
    off = {name for name, e in zip(right, errors, strict=True) if abs(e) > 0.02}
    large = {name for name, e in zip(right, errors, strict=True) if e > 0.02}
    found = set(function(claims, right))
    if found == set(claims) - off:
        raise No("these are the correct claims: return the wrong ones")
    if found == large:
        raise No("these are the claims that are too large: some are too small (abs)")
    if found - off:
        raise No(f"{sorted(found - off)[0]} is right up to rounding")
    if off - found:
        raise No(f"{len(off - found)} wrong claims are not in the list")
    return f"the {len(off)} claims of eight that are off by more than 2 %"
