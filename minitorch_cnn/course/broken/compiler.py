"""Notebook 13: passes that change what a network computes, and plans whose arrays overlap."""

from ...compiler.memory import Life, planned
from ...compiler.passes import fold_batch_norm
from ..compiler import refolded


def folding_all(graph):
    """Folding that does not ask who else reads the convolution."""
    kinds = "Conv", "BatchNormalization"
    pairs = graph.but(nodes=[n for n in graph.nodes if n.operator in kinds], outputs=[])
    folded = fold_batch_norm(pairs)
    made = {node.name: node for node in folded.nodes}
    nodes = [made.get(n.name, n) for n in graph.nodes if n.name in made or n not in pairs.nodes]
    return graph.but(nodes=nodes, constants=folded.constants)


def without_own_bias(graph):
    """Folding that forgets that a convolution may have a bias."""
    return refolded(graph, lambda arrays: arrays.get("bias", arrays["mean"][:0]).fill(0))


def sums_behind_relus(graph):
    """Fusion that takes over a sum although a ReLU stands between: first the sum, then the ReLU."""
    makers, readers, nodes = graph.producers(), graph.consumers(), list(graph.nodes)
    for at, node in enumerate(graph.nodes):
        for name, other in (node.inputs, node.inputs[::-1]) if node.operator == "Add" else ():
            made = makers[name]
            if made.operator == "Relu" and len(readers[name]) == 1:
                nodes[nodes.index(made)] = made.but(operator="Add", inputs=(*made.inputs, other))
                nodes[at] = node.but(operator="Relu", inputs=(name,))
    return graph.but(nodes=nodes)


def in_each_others_place(sizes, lives):
    """A plan in which an array may be written over what the same step reads."""
    shorter = [Life(name, sizes[name], first, last - 1) for name, (first, last) in lives.items()]
    return planned(shorter)[0]
