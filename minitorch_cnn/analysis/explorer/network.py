"""A network as boxes and arrows: its layers as they ran, and the sums and joins between them."""

from __future__ import annotations

from typing import NamedTuple

from ...autograd.array_function import ArrayFunction
from ...nn import Module
from ..fields import ancestors, fields
from ..receptive_field import ReceptiveField, field_of
from ..summary import layers, summary
from ..trace import Call, Shape, trace


class Box(NamedTuple):
    """The image, a layer at work, or an operation in which several boxes meet.

    kind: "image", "layer" or "join". sources: the positions of the boxes whose outputs it takes.
    Shapes are without the batch axis.
    parameters, multiply_adds, memory_bytes: see `analysis.summary`. field: what one of its outputs
    sees of the image; None if it does not depend on it.
    """

    kind: str
    name: str
    type: str
    settings: str
    sources: list[int]
    input_shape: Shape
    output_shape: Shape
    parameters: int = 0
    multiply_adds: int = 0
    memory_bytes: int = 0
    field: ReceptiveField | None = None


def boxes(model: Module, input_shape: Shape) -> list[Box]:
    """The boxes of `model` for an image (C, H, W), the image first, each after its sources.

    Raises: ValueError for an input_shape that is not 3 positive integers.
    """
    run = trace(model, input_shape, "boxes")
    wanted = set(layers(model))
    calls = [call for call in run.calls if call.module in wanted]
    rows = iter(summary(model, input_shape).rows)
    costs = {id(call): next(rows) for call in calls}
    of_node: dict = {}
    for call in calls:
        of_node.setdefault(call.origin, []).append(call)

    nodes = ancestors([run.calls[-1].origin, *of_node])
    seen = fields(run.x, nodes)
    found = [Box("image", "image", "Image", "", [], (), tuple(input_shape))]
    place = {run.x: 0}
    for node in nodes:
        sources = dict.fromkeys(place[s] for s, _ in filter(None, node.edges) if s in place)
        field = field_of(seen[node], input_shape) if node in seen else None
        here = of_node.get(node, [])
        if len(sources) > 1 and not here:
            found.append(_join(node, list(sources), found, field))
            sources = [len(found) - 1]
        for call in here:
            found.append(_layer(call, costs[id(call)], list(sources), field))
            sources = [len(found) - 1]  # modules that hand on what they are given share a node
        if sources:
            (place[node],) = sources
    return found


def _layer(call: Call, row, sources: list[int], field: ReceptiveField | None) -> Box:
    cost = row.params, row.macs, row.memory_bytes
    settings = call.module.extra_repr()
    shapes = row.input_shape, row.output_shape
    return Box("layer", row.name, row.type, settings, sources, *shapes, *cost, field)


def _join(node: ArrayFunction, sources: list[int], found: list[Box], field) -> Box:
    kind = type(node).__name__
    shape = node.out_meta[0][0][1:]
    return Box(
        "join", kind.lower(), kind, "", sources, found[sources[0]].output_shape, shape, field=field
    )
