"""Notebook 5: checks of what layers cost."""

import math

from ..kernels.window import Window
from ..models import create_model
from ..nn import shapes_only
from .answer import No, check


@check
def output_size(function) -> str:
    """function(n, kernel, stride, padding) -> pixels a side."""
    for case in [(227, 11, 4, 2), (56, 3, 2, 0), (27, 5, 1, 2), (224, 7, 2, 3), (8, 3, 2, 1)]:
        n, *window = case
        right = Window(*window).output_size(n, n)[0]
        if function(*case) != right:
            raise No(f"for n, kernel, stride, padding = {case} it gives {function(*case)}")
    return "five layers, with windows that do not fit evenly among them"


@check
def convolution(function) -> str:
    """function(c_in, n, filters, kernel, stride, padding) -> (elements, params, macs)."""
    for c, n, o, k, s, p in [(3, 227, 64, 11, 4, 2), (64, 56, 192, 1, 1, 0)]:
        size = Window(k, s, p).output_size(n, n)[0] ** 2
        right = {
            "elements of the output": o * size,
            "parameters": o * c * k * k + o,
            "multiply-adds": o * c * k * k * size,
        }
        mine = function(c, n, o, k, s, p)
        for (name, value), found in zip(right.items(), mine, strict=True):
            if found != value:
                ratio = found / value
                raise No(f"the {name} of ({c}, {n}, {o}, {k}, {s}, {p}) are {ratio:.4f} of them")
    return "elements, parameters with biases, multiply-adds"


@check
def linear(function) -> str:
    """function(inputs, outputs) -> (elements, params, macs)."""
    mine = tuple(function(400, 30))
    for name, found, value in zip(
        ("elements", "parameters", "multiply-adds"), mine, (30, 12_030, 12_000), strict=True
    ):
        if found != value:
            raise No(f"the {name} of 400 -> 30 are not {found}")
    return "elements, parameters with biases, multiply-adds"


@check
def alexnet(params: int, macs: int) -> str:
    """The sums over AlexNet's layers."""
    with shapes_only():
        right = sum(p.numel() for p in create_model("alexnet").parameters())
    if params != right:
        raise No(f"the parameters add up to {params:,}, {abs(params - right):,} off")
    if not math.isclose(macs, 716.77e6, rel_tol=1e-3):
        raise No(f"the multiply-adds of convolutions and linear layers add up to {macs:,}")
    return f"{params:,} parameters and {macs:,} multiply-adds"


@check
def errata(found, claims, right) -> str:
    """The names of those claims that are off by more than rounding to the digits they show."""
    wrong = {name for name, value in claims.items() if abs(value / right[name] - 1) > 0.02}
    if set(found) - wrong:
        raise No(f"{sorted(set(found) - wrong)[0]} is right but for rounding")
    if wrong - set(found):
        raise No(f"{len(wrong - set(found))} wrong claims are not in the list")
    return f"these {len(wrong)} claims do not agree with their own arithmetic"
