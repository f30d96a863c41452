"""Notebook 5: checks of the costs of layers."""

import math

from ..kernels.window import Window
from ..models import create_model
from ..nn import shapes_only
from .answer import check
from .compare import No, compare, compare_all


@check
def output_size(function) -> str:
    """output_size(n, K, S, P) -> the side of the output in pixels."""
    cases = [(227, 11, 4, 2), (56, 3, 2, 0), (27, 5, 1, 2), (224, 7, 2, 3), (8, 3, 2, 1)]

    def right(n, K, S, P):
        return Window(K, S, P).output_size(n, n)[0]

    compare_all(function, cases, right, "for n, K, S, P = {} the size", [
        ("the size counts a window that does not fit: round down",
         lambda n, K, S, P: -(-(n + 2 * P - K) // S) + 1),
        ("the size is one too small: the first window counts, too",
         lambda n, K, S, P: (n + 2 * P - K) // S),
        ("the size has the padding of one end only: there are two",
         lambda n, K, S, P: (n + P - K) // S + 1),
        ("the size has no padding", lambda n, K, S, P: (n - K) // S + 1),
        ("the size is not a whole number: what does not fit is left over",
         lambda n, K, S, P: (n + 2 * P - K) / S + 1),
        ("the size is that of stride 1", lambda n, K, S, P: n + 2 * P - K + 1),
        ("the size adds 1 before it divides by the stride",
         lambda n, K, S, P: (n + 2 * P - K + 1) // S),
        ("the size subtracts the padding instead of adding it",
         lambda n, K, S, P: (n - 2 * P - K) // S + 1),
    ])  # fmt: skip
    return "five layers, with windows that do not fit evenly among them"


@check
def convolution(function) -> str:
    """convolution(c_in, n, filters, K, S, P) -> (elements of the output, parameters, macs)."""
    for c, n, o, k, s, p in [(3, 227, 64, 11, 4, 2), (64, 56, 192, 1, 1, 0), (4, 9, 6, 3, 2, 1)]:
        side = Window(k, s, p).output_size(n, n)[0]
        elements, params, macs = function(c, n, o, k, s, p)
        of = f"of c_in, n, filters, K, S, P = {c, n, o, k, s, p}"
        compare(elements, o * side**2, f"the elements of the output {of}", mistakes=[
            (f"the elements {of} are those of one map: there is one for each filter", side**2),
            (f"the elements {of} are those of the input's size", o * n * n),
            (f"the elements {of} have one side only: a map is square", o * side),
            (f"the elements {of} are those of the input's channels", c * side**2),
        ])  # fmt: skip
        compare(params, o * c * k * k + o, f"the parameters {of}", mistakes=[
            (f"the parameters {of} lack the biases: one for each filter", o * c * k * k),
            (f"the parameters {of} have a bias for each input channel", o * c * k * k + c),
            (f"the parameters {of} have one bias for all filters", o * c * k * k + 1),
            (f"the parameters {of} lack the input's channels", o * k * k + o),
            (f"the parameters {of} have one side of the window: it is square", o * c * k + o),
        ])  # fmt: skip
        work = o * c * k * k
        compare(macs, work * side**2, f"the multiply-adds {of}", mistakes=[
            (f"the multiply-adds {of} are at the input's positions, not the output's",
             work * n * n),
            (f"the multiply-adds {of} count the biases, which are free", (work + o) * side**2),
            (f"the multiply-adds {of} are counted at one position only", work),
            (f"the multiply-adds {of} are counted along one side of the output", work * side),
            (f"the multiply-adds {of} are counted as two operations", 2 * work * side**2),
            (f"the multiply-adds {of} lack the input's channels", work // c * side**2),
        ])  # fmt: skip
    return "elements, parameters with biases, multiply-adds"


@check
def linear(function) -> str:
    """linear(inputs, outputs) -> (elements of the output, parameters, macs)."""
    elements, params, macs = function(400, 30)
    compare(elements, 30, "the elements of the output of 400 -> 30", mistakes=[
        ("the elements of 400 -> 30 are those of the input", 400)])  # fmt: skip
    compare(params, 12_030, "the parameters of 400 -> 30", mistakes=[
        ("the parameters of 400 -> 30 lack the biases: one for each output", 12_000),
        ("the parameters of 400 -> 30 have a bias for each input", 12_400),
        ("the parameters of 400 -> 30 have one bias for all outputs", 12_001),
    ])  # fmt: skip
    compare(macs, 12_000, "the multiply-adds of 400 -> 30", mistakes=[
        ("the multiply-adds of 400 -> 30 count the biases, which are free", 12_030),
        ("the multiply-adds of 400 -> 30 are counted as two operations", 24_000),
    ])  # fmt: skip
    return "elements, parameters with biases, multiply-adds"


@check
def alexnet(params: int, macs: int) -> str:
    """The sums over AlexNet's layers: parameters and multiply-adds."""
    with shapes_only():
        right = sum(p.numel() for p in create_model("alexnet").parameters())
    if params != right:
        fc6 = 256 * 6 * 6 * 4096 - 256 * 4096
        hint = ": does fc6 see 256 maps of 6 x 6 pixels?" if right - params == fc6 else ""
        raise No(f"the parameters add up to {params:,}, {abs(params - right):,} off{hint}")
    if not math.isclose(macs, 716.77e6, rel_tol=1e-3):
        raise No(f"the multiply-adds of convolutions and linear layers add up to {macs:,}: "
                 "does each layer get the channels and pixels of the one before?")  # fmt: skip
    return f"{params:,} parameters and {macs:,} multiply-adds"


@check
def errata(found, claims, right) -> str:
    """The names of the claims that are wrong by more than the rounding of their digits."""
    wrong = {name for name, value in claims.items() if abs(value / right[name] - 1) > 0.02}
    found = set(found)
    if wrong and found == set(claims) - wrong:
        raise No("these are the correct claims: return the wrong ones")
    large = {name for name, value in claims.items() if value / right[name] - 1 > 0.02}
    if found == large != wrong:
        raise No("these are the claims that are too large: some are too small (abs)")
    if found - wrong:
        raise No(f"{sorted(found - wrong)[0]} is right up to rounding")
    if wrong - found:
        raise No(f"{len(wrong - found)} wrong claims are not in the list")
    return f"these {len(wrong)} claims do not agree with their own arithmetic"
