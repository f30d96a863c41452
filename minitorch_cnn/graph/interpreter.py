"""run and GraphModule: interpret a graph through the framework's own operations.

Gradients are recorded, the operations run on the device of their inputs, and a module's constants
are its parameters and buffers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..nn import Module, Parameter
from ..tensor import Tensor
from .implementations import IMPLEMENTATIONS, IN_TRAINING
from .ir import Graph, Node
from .structure import placed, unflatten


def run(graph: Graph, *args: Any, **named: Any) -> Any:
    """Compute the results of a graph for arguments as those of the model that was captured.

    A graph without the structure of a model takes its inputs one by one, or by name, and returns
    one Tensor, or a tuple if it has several results.
    Raises: TypeError for other arguments; ValueError that names the node that cannot run.
    """
    return _run(graph, args, named, training=False)


def _run(graph: Graph, args: Any, named: Any, training: bool) -> Any:
    inputs = arguments(graph, args, named)
    given = dict(zip((v.name for v in graph.inputs), inputs, strict=True))
    results = execute(graph, given, training=training)
    if graph.gives is not None:
        return unflatten(graph.gives, results)
    return results[0] if len(results) == 1 else tuple(results)


def execute(
    graph: Graph,
    given: Mapping[str, Tensor],
    seen: Callable[[str, Tensor], None] = lambda name, y: None,
    training: bool = False,
) -> list[Tensor]:
    """The results of a graph for Tensors by the names of its inputs.

    seen(name, y) is called with each value that a node makes. training: whether batch norm takes
    the statistics of the batch, and dropout drops.
    """
    uses = Counter(name for node in graph.nodes for name in node.inputs)
    uses.update(value.name for value in graph.outputs)
    known = {**graph.constants, **given}
    device = next((x.device for x in given.values()), None)
    for node in graph.nodes:
        made = called(node, [known[name] if name else None for name in node.inputs], training)
        for name, y in zip(node.outputs, made, strict=False):
            if name:
                moved = device is not None and not node.inputs and y.device != device
                known[name] = y.to(device) if moved else y
                seen(name, known[name])
        for name in node.inputs:  # free what nobody reads any more
            uses[name] -= 1
            if name and not uses[name]:
                known.pop(name, None)
    return [known[value.name] for value in graph.outputs]


def called(
    node: Node, inputs: Sequence[Tensor | None], training: bool = False
) -> tuple[Tensor, ...]:
    """The outputs of a node for its inputs. Raises: ValueError that names it if it cannot run."""
    implementation = IMPLEMENTATIONS.get(node.operator)
    if training:
        implementation = IN_TRAINING.get(node.operator, implementation)
    if implementation is None:
        raise ValueError(f"run: {node.name} ({node.operator}): the operator has no implementation")
    try:
        made = implementation(node, *inputs)
    except (ValueError, TypeError, RuntimeError, IndexError) as error:
        where = f"{node.name} ({node.operator})"
        if where in str(error):
            raise
        raise ValueError(f"run: {where}: {error}") from error
    return made if isinstance(made, tuple) else (made,)


def arguments(graph: Graph, args: tuple[Any, ...], named: dict[str, Any]) -> list[Tensor]:
    """The Tensors of a call's arguments, in the order of the graph's inputs."""
    if graph.takes is not None:
        return placed(graph.takes, (args, named), graph.name)
    names = [value.name for value in graph.inputs]
    by_place = dict(zip(names, args, strict=False))
    if len(args) > len(names) or by_place.keys() & named.keys():
        raise TypeError(f"{graph.name}: {len(args)} arguments are too many, must be {names}")
    given = {**by_place, **named}
    if set(given) != set(names) or not all(isinstance(x, Tensor) for x in given.values()):
        raise TypeError(f"{graph.name}: arguments {list(given)} must be Tensors for {names}")
    return [given[name] for name in names]


class GraphModule(Module):
    """A graph as a module: its constants that are Parameters are parameters, the others buffers.

    The keys of `state_dict` are the constants' names, with any characters. The module begins in
    evaluation mode; in training mode batch norm and dropout act as nn's do.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.training = False
        self.graph = graph.but(constants={})
        # Directly, because names from files may have dots.
        for name, tensor in graph.constants.items():
            table: Any = self._parameters if isinstance(tensor, Parameter) else self._buffers
            table[name] = tensor

    def forward(self, *args: Any, **named: Any) -> Any:
        constants: Any = {**self._parameters, **self._buffers}
        return _run(self.graph.but(constants=constants), args, named, self.training)

    def extra_repr(self) -> str:
        return f"{len(self.graph.nodes)} nodes"
