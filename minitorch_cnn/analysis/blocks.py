"""residual_blocks: find the blocks of any model that add their input to a function of it.

They are found in the model's graph: a block's output is, apart from a ReLU, the sum of two paths
from its input. The shorter path is the shortcut, the other one the branch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..graph import Node
from ..nn import Conv2d, Module
from ..tensor import Tensor
from .trace import Call, Shape, Trace, trace_of


class FoundBlock(NamedTuple):
    """A block of a model: its name and module, and the node of its sum in the graph.

    junction: the node's name; shortcut: the index of that input; identity: whether it is the
    block's unchanged input; last: the module whose output is the branch, if there is one. Shapes
    are without the batch axis.
    """

    name: str
    module: Module
    junction: str
    shortcut: int
    identity: bool
    last: Module | None
    input_shape: Shape
    output_shape: Shape

    @property
    def branch(self) -> int:
        return 1 - self.shortcut


def residual_blocks(model: Module, x: Tensor, function: str) -> tuple[Trace, list[FoundBlock]]:
    """The graph of a model in evaluation mode for images like x (N, C, H, W), and its residual
    blocks.

    Among nested blocks, as in a ResNet of ResNets, the innermost are returned.
    Raises: in the name of `function` ValueError if there are none; CaptureError, a RuntimeError,
    for a model that branches on values.
    """
    traced = trace_of(model, x, function)
    found = blocks_of(traced)
    if not found:
        raise ValueError(
            f"{function}: {type(model).__name__} has no residual blocks: none of its modules adds "
            "its input to a function of it"
        )
    return traced, found


def blocks_of(traced: Trace) -> list[FoundBlock]:
    """The residual blocks of a graph, innermost ones if they are nested."""
    paths = _Paths(traced)
    found: list[FoundBlock] = []
    for call in traced.calls:  # the innermost ends first
        inside = any(block.name.startswith(call.name + ".") for block in found)
        whole = call.name and call.inputs and call.outputs
        if whole and not inside and not isinstance(call.module, Conv2d):
            block = paths.block(call)
            if block is not None:
                found.append(block)
    return found


class _Paths:
    """The ways from value to value in a graph."""

    def __init__(self, traced: Trace) -> None:
        self.calls, self.constants = traced.calls, traced.graph.constants
        self.makers = traced.graph.producers()

    def block(self, call: Call) -> FoundBlock | None:
        """The call as a residual block, or None if it is not one."""
        source = call.inputs[0]
        junction = self.makers.get(call.outputs[0])
        while junction is not None and junction.operator == "Relu":
            junction = self.makers.get(junction.inputs[0])
        if junction is None or junction.operator != "Add":
            return None
        lengths = [self.length(side, source) for side in junction.inputs]
        known = [length for length in lengths if length is not None]
        if len(known) < 2 or known[0] == known[1]:
            return None
        shortcut = int(np.argmin(known))
        branch = self.unscaled(junction.inputs[1 - shortcut])
        inner = call.name + "."
        own = [c for c in self.calls if c.name.startswith(inner) and c.outputs[:1] == [branch]]
        last, identity = own[0].module if own else None, known[shortcut] == 0
        if last is None and not identity:
            return None
        shapes = call.input_shape, call.output_shape
        return FoundBlock(call.name, call.module, junction.name, shortcut, identity, last, *shapes)

    def unscaled(self, name: str) -> str:
        """The value that was multiplied by constants to make `name`, or `name` itself."""
        node = self.makers.get(name)
        while node is not None and node.operator == "Mul":
            others = [value for value in node.inputs if value not in self.constants]
            if len(others) != 1:
                break
            name, node = others[0], self.makers.get(others[0])
        return name

    def length(self, side: str, source: str) -> int | None:
        """The number of nodes between two values: 0 for equal ones, None without a way."""
        if side == source:
            return 0
        older = self.behind(source)
        between = {k: n for k, n in self.behind(side).items() if k not in older}
        return len(between) if any(source in node.inputs for node in between.values()) else None

    def behind(self, name: str) -> dict[str, Node]:
        """The nodes that a value was computed by, by name."""
        found: dict[str, Node] = {}
        waiting = [name]
        while waiting:
            node = self.makers.get(waiting.pop())
            if node is not None and node.name not in found:
                found[node.name] = node
                waiting += node.inputs
        return found
