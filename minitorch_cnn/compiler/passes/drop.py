"""Drop the nodes that do nothing in inference: identities and dropout."""

from __future__ import annotations

from ...graph import Graph


def drop_identities(graph: Graph) -> Graph:
    """The graph without Identity and Dropout; what read their output reads their input.

    A node stays if its output is a result, or if its mask is read.
    """
    results = {value.name for value in graph.outputs}
    consumers = graph.consumers()
    names: dict[str, str] = {}
    nodes = []
    for node in graph.nodes:
        node = node.but(inputs=tuple(names.get(name, name) for name in node.inputs))
        extra = any(name in consumers or name in results for name in node.outputs[1:])
        idle = node.operator in ("Identity", "Dropout") and node.outputs[0] not in results
        if idle and not extra:
            names[node.outputs[0]] = node.inputs[0]
        else:
            nodes.append(node)
    return graph.but(nodes=nodes)
