"""residual_blocks: find the blocks of any model that add their input to a function of it.

They are found in autograd's graph: a block's output is, apart from a ReLU, the sum of two paths
from its input. The shorter path is the shortcut, the other one the branch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..autograd import enable_grad
from ..autograd.array_function import ArrayFunction
from ..nn import Conv2d, Module
from ..nn.evaluation import evaluation, first_output
from ..tensor import Tensor
from ..tensor.activation import ReLU
from ..tensor.arithmetic import Add, Mul
from .watch import ancestors

Origin = ArrayFunction | Tensor


class FoundBlock(NamedTuple):
    """A block of one run: its name and module, and the node of its sum in the graph.

    junction: the node of the sum; shortcut, branch: the indices of its two inputs; identity:
    whether the shortcut is the unchanged input; last: the module whose output is the branch, if
    there is one; source, origin: the nodes that made the input and the output.
    """

    name: str
    module: Module
    junction: ArrayFunction
    shortcut: int
    identity: bool
    last: Module | None
    source: Origin
    origin: Origin

    @property
    def branch(self) -> int:
        return 1 - self.shortcut


class Call(NamedTuple):
    """A module's call: the origin of its first input, and its output."""

    name: str
    module: Module
    source: Origin
    origin: Origin


class Run(NamedTuple):
    """The input as a leaf that requires a gradient, the output, and the calls as they ended."""

    x: Tensor
    output: Tensor
    calls: list[Call]


def residual_blocks(model: Module, x: Tensor, function: str) -> tuple[Run, list[FoundBlock]]:
    """Run the model on x (N, C, H, W) in evaluation mode -> the run, and its residual blocks.

    Among nested blocks, as in a ResNet of ResNets, the innermost are returned.
    Raises: ValueError, in the name of `function`, if there are none.
    """
    run = traced(model, x)
    found = blocks_of(run.calls)
    if not found:
        raise ValueError(
            f"{function}: {type(model).__name__} has no residual blocks: none of its modules adds "
            "its input to a function of it"
        )
    return run, found


def blocks_of(calls: list[Call]) -> list[FoundBlock]:
    """The residual blocks among the calls, innermost ones if they are nested."""
    found: list[FoundBlock] = []
    for call in calls:  # the innermost ends first
        inside = any(block.name.startswith(call.name + ".") for block in found)
        if call.name and not inside and not isinstance(call.module, Conv2d):
            block = _block(call, calls)
            if block is not None:
                found.append(block)
    return found


def traced(model: Module, x: Tensor) -> Run:
    """Run the model on x (N, C, H, W) in evaluation mode, recording the graph."""
    x = Tensor(x.array, requires_grad=True)
    calls: list[Call] = []
    sources: list[Origin] = []

    def before(module: Module, inputs: Any) -> None:
        sources.append(inputs[0].grad_fn or inputs[0])

    def after(name: str) -> Any:
        def hook(module: Module, inputs: Any, output: Any) -> Any:
            y = first_output(output)
            calls.append(Call(name, module, sources.pop(), y.grad_fn or y))

        return hook

    handles = []
    for name, module in model.named_modules():
        handles += [
            module.register_forward_pre_hook(before),
            module.register_forward_hook(after(name)),
        ]
    try:
        with evaluation(model), enable_grad():
            output = model(x)
    finally:
        for handle in handles:
            handle.remove()
    return Run(x, first_output(output), calls)


def _block(call: Call, calls: list[Call]) -> FoundBlock | None:
    """The call as a residual block, or None if it is not one."""
    junction = call.origin
    while isinstance(junction, ReLU):
        (junction,) = _sources(junction)
    sides = _sources(junction) if isinstance(junction, Add) else []
    if len(sides) != 2 or not isinstance(junction, Add):
        return None
    lengths = [_length(side, call.source) for side in sides]
    known = [length for length in lengths if length is not None]
    if len(known) < 2 or known[0] == known[1]:
        return None
    shortcut = int(np.argmin(known))
    branch = sides[1 - shortcut]
    while isinstance(branch, Mul) and len(_sources(branch)) == 1:  # times a constant
        (branch,) = _sources(branch)
    own = [c for c in calls if c.name.startswith(call.name + ".") and c.origin is branch]
    last = own[0].module if own else None
    identity = lengths[shortcut] == 0
    if last is None and not identity:
        return None
    return FoundBlock(
        call.name, call.module, junction, shortcut, identity, last, call.source, call.origin
    )


def _sources(node: ArrayFunction) -> list[Origin]:
    return [source for source, _ in filter(None, node.edges)] if _is_node(node) else []


def _length(side: Origin, source: Origin) -> int | None:
    """The number of nodes between the two: 0 for the source itself, None if they are not linked."""
    if side is source:
        return 0
    between = _until(side, source)
    return len(between) if any(s is source for n in between for s in _sources(n)) else None


def _until(side: Origin, source: Origin) -> list[ArrayFunction]:
    """The nodes from `side` back to, but excluding, `source` and its ancestors."""
    older = set(map(id, ancestors([source]))) if _is_node(source) else set()
    return [n for n in ancestors([side]) if id(n) not in older]


def _is_node(origin: Origin) -> bool:
    return isinstance(origin, ArrayFunction)
