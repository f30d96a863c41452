"""verify: what makes a graph valid, checked before anything relies on it."""

from __future__ import annotations

from typing import Any, NoReturn

from .inference import infer
from .ir import Graph, Node, Value
from .operators import OPERATORS
from .sizes import agree, text_of


def verify(graph: Graph) -> Graph:
    """Return the graph if it is valid.

    Every operator is known, with as many inputs and outputs as it may have and attributes that it
    has; every name is made once, and before it is used; every result is made; the types that the
    graph states are those that its operators make.

    Raises: ValueError, beginning with "verify: ", that names the node and what is wrong.
    """
    taken: dict[str, str] = {}
    for what, names in (
        ("an input", [value.name for value in graph.inputs]),
        ("a constant", list(graph.constants)),
    ):
        for name in names:
            if name in taken:
                raise ValueError(f"verify: {name!r} is {what} and {taken[name]}")
            taken[name] = what
    _check_names(graph, taken)
    made = {name for node in graph.nodes for name in node.outputs}
    for node in graph.nodes:
        _check_form(node)
        for name in node.inputs:
            if name and name not in taken:
                why = (
                    "made only later (a cycle, or a wrong order)" if name in made else "never made"
                )
                _refuse(node, f"its input {name!r} is {why}")
        for name in node.outputs:
            if name and name in taken:
                _refuse(node, f"its output {name!r} is {taken[name]}, too")
            taken[name] = f"an output of {node.name}"
    for value in graph.outputs:
        if value.name not in taken:
            raise ValueError(f"verify: the result {value.name!r} is never made")
    _check_types(graph)
    return graph


def _check_names(graph: Graph, taken: dict[str, str]) -> None:
    """Names of nodes are unique, too."""
    seen: set[str] = set()
    for node in graph.nodes:
        if node.name in seen:
            raise ValueError(f"verify: two nodes have the name {node.name!r}")
        seen.add(node.name)


def _check_form(node: Node) -> None:
    operator = OPERATORS.get(node.operator)
    if operator is None:
        _refuse(node, "the operator is not known")
    least, most = operator.inputs
    if len(node.inputs) < least or (most is not None and len(node.inputs) > most):
        _refuse(node, f"{len(node.inputs)} inputs, must have {least} to {most or 'any'}")
    if "" in node.inputs[:least]:
        _refuse(node, f"input {node.inputs.index('')} is missing")
    if not node.outputs or (operator.outputs is not None and len(node.outputs) > operator.outputs):
        _refuse(node, f"{len(node.outputs)} outputs, must have 1 to {operator.outputs or 'any'}")
    for name in node.attributes:
        if name not in operator.attributes:
            _refuse(node, f"the attribute {name!r} is not one of the operator's")


def _check_types(graph: Graph) -> None:
    try:
        found = infer(graph)
    except ValueError as error:
        raise ValueError(f"verify: {error}") from None
    for name, stated in {**graph.values, **{v.name: v for v in graph.outputs}}.items():
        value = found.values.get(name)
        if value is not None and not _fits(stated, value):
            raise ValueError(
                f"verify: {name!r} is stated to be {stated.dtype} {text_of(stated.shape)}, and is "
                f"{value.dtype} {text_of(value.shape)}"
            )


def _fits(stated: Value, found: Value) -> bool:
    if stated.dtype is not None and found.dtype is not None and stated.dtype != found.dtype:
        return False
    if stated.shape is None or found.shape is None:
        return True
    pairs: Any = zip(stated.shape, found.shape, strict=False)
    return len(stated.shape) == len(found.shape) and all(agree(a, b) for a, b in pairs)


def _refuse(node: Node, reason: str) -> NoReturn:
    raise ValueError(f"verify: {node.name or '?'} ({node.operator}): {reason}")
