"""Notebook 13: passes that change what a network computes, and plans whose arrays overlap."""

import numpy as np

from ...tensor import tensor

FUSED = "FusedConv"


def _fold(graph, may, shift):
    """Folding, where `may(graph, name)` says whether, and `shift` makes the bias."""
    makers, constants, nodes = graph.producers(), dict(graph.constants), []
    for node in graph.nodes:
        conv = makers.get(node.inputs[0])
        folds = node.operator == "BatchNormalization" and conv and conv.operator == "Conv"
        if not folds or not may(graph, node.inputs[0]):
            nodes.append(node)
            continue
        gamma, beta, mean, var = (graph.array(name) for name in node.inputs[1:])
        scale = gamma / np.sqrt(var + node.get("epsilon"))
        bias = graph.array(conv.inputs[2]) if len(conv.inputs) > 2 else 0
        constants[f"{node.name}.w"] = tensor(
            graph.array(conv.inputs[1]) * scale[:, None, None, None]
        )
        constants[f"{node.name}.b"] = tensor(shift(bias, beta, mean, scale))
        names = conv.inputs[0], f"{node.name}.w", f"{node.name}.b"
        nodes = [other for other in nodes if other is not conv]
        nodes.append(conv.but(inputs=names, outputs=node.outputs))
    return graph.but(nodes=nodes, constants=constants)


def _alone(graph, name):
    read = sum(node.inputs.count(name) for node in graph.nodes)
    return read == 1 and name not in [value.name for value in graph.outputs]


def folding_all(graph):
    """Folding that does not ask who else reads the convolution."""
    return _fold(graph, lambda *_: True, lambda b, beta, mean, scale: (b - mean) * scale + beta)


def without_own_bias(graph):
    """Folding that forgets that a convolution may have a bias."""
    return _fold(graph, _alone, lambda b, beta, mean, scale: beta - mean * scale)


def sums_behind_relus(graph):
    """Fusion that takes over a sum although a ReLU stands between."""
    nodes, made = [], {}
    for node in graph.nodes:
        for name in node.inputs[:2]:
            conv = made.get(name)
            if conv is None or conv not in nodes or not _alone(graph, name):
                continue
            if node.operator == "Relu":
                taken = conv.but(
                    operator=FUSED, attributes={**conv.attributes, "activation": "Relu"}
                )
            elif node.operator == "Add" and len(conv.inputs) < 4:
                other = node.inputs[1] if name == node.inputs[0] else node.inputs[0]
                inputs = (*conv.inputs, "", "")[:3]
                taken = conv.but(operator=FUSED, inputs=(*inputs, other))
            else:
                continue
            nodes.remove(conv)
            node = taken.but(outputs=node.outputs)
            break
        nodes.append(node)
        if node.operator in ("Conv", FUSED):
            made[node.outputs[0]] = node
    return graph.but(nodes=nodes)


def in_each_others_place(sizes, lives):
    """A plan in which an array may be written over what the same step reads."""
    offsets = {}
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        first, last = lives[name]
        taken = sorted(
            (offsets[other], offsets[other] + sizes[other])
            for other in offsets
            if lives[other][0] < last and first < lives[other][1]
        )
        at = 0
        for start, end in taken:
            if at + sizes[name] <= start:
                break
            at = max(at, end)
        offsets[name] = at
    return offsets
