"""Graph, Node and Value: a network as a list of operators.

The operators, their inputs and their attributes are ONNX's, in the form of opset 18 (axes, pads and
sizes are inputs where ONNX has them as inputs). A value is known by its name: a graph's input, a
constant, or an output of one node.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..tensor import Tensor

if TYPE_CHECKING:
    from ..dtypes import DType
    from .sizes import Shape
    from .structure import Structure


class Value(NamedTuple):
    """A tensor that exists while a graph runs: its name, and its type as far as it is known."""

    name: str
    dtype: DType | None = None
    shape: Shape | None = None


@dataclass(frozen=True)
class Node:
    """One call of an operator.

    inputs, outputs: names of values; "" is an optional one that is left out. attributes: numbers,
    strings, tuples of them, arrays and dtypes, by ONNX's names; those with their default may be
    missing. module: the path of the module that ran it, "" for the model itself.

    Nodes do not change: a pass makes others, by `node.but(inputs=...)`.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    module: str = ""

    def but(self, **changes: Any) -> Node:
        """The node with other fields."""
        return replaced(self, **changes)

    def get(self, attribute: str) -> Any:
        """An attribute, or its default."""
        from .operators import OPERATORS

        return self.attributes.get(attribute, OPERATORS[self.operator].attributes.get(attribute))


@dataclass
class Graph:
    """Nodes in the order in which they run, with what goes in and what comes out.

    inputs: given at each run. outputs: the results. constants: Tensors by name; those of a model
    are its own parameters and buffers, under their paths ("features.0.weight"). values: the type of
    every value by name, as `infer` finds it. takes, gives: how arguments and results are nested, of
    a graph that was captured.

    A pass takes a graph and returns another; `graph.but(nodes=...)` shares the rest.
    """

    nodes: list[Node]
    inputs: list[Value]
    outputs: list[Value]
    constants: dict[str, Tensor] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    takes: Structure | None = None
    gives: Structure | None = None
    name: str = "graph"

    def but(self, **changes: Any) -> Graph:
        """The graph with other fields; lists and tables that are not given are copied."""
        own = {
            "nodes": list(self.nodes),
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "constants": dict(self.constants),
            "values": dict(self.values),
        }
        return replaced(self, **{**own, **changes})

    def producers(self) -> dict[str, Node]:
        """The node that makes each value; inputs and constants have none."""
        return {name: node for node in self.nodes for name in node.outputs if name}

    def consumers(self) -> dict[str, list[Node]]:
        """The nodes that read each value, in order; a result has no entry for being one."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                if name:
                    found.setdefault(name, []).append(node)
        return found

    def array(self, name: str) -> np.ndarray | None:
        """The numbers of a constant, on the host; None for any other value."""
        tensor = self.constants.get(name)
        return None if tensor is None else tensor.detach().cpu().array

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __str__(self) -> str:
        from .printing import table

        return table(self)


def fresh(name: str, taken: Iterable[str]) -> str:
    """The name, with a number behind it if it is taken."""
    if name not in taken:
        return name
    number = 1
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
