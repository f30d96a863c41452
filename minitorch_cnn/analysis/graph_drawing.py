"""computation_graph: the computation of a tensor or a model, as an SVG drawing or Graphviz text.

Boxes are operations and the tensors at their ends; an arrow leads from each to the operations that
use it. Of a tensor they are the nodes of autograd's graph, of a model those of `mt.graph`. No other
program is needed to draw it.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from .. import dtypes
from ..autograd.array_function import ArrayFunction
from ..figures import ORANGE, PURPLE, SKY, tint
from ..functional.batch_norm_ops import ChannelAffine
from ..graph import Graph as ModelGraph
from ..graph import Node
from ..graph.sizes import Shape
from ..nn import Module
from ..tensor import Tensor
from ..tensor.activation import Activation
from .explorer.layout import layout
from .graph_routes import Spot, routes
from .watch import ancestors, rectifies

BOX, LEAF, GAP, MARGIN = 42, 25, 28, 8  # heights, and the space between and within, in pixels
LETTER = 7.8  # width of a character, near the maximum of the sans-serif fonts of browsers
HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
    'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13" text-anchor="middle">'
)
TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>'
)
GROUND = '<rect width="100%" height="100%" fill="#fff"/>'
USUAL = {  # operations that users know by another name
    "ChannelAffine": "BatchNorm",
    "MaskedScale": "Dropout",
    "Extremum": "Max or Min",
    "Spread": "Expand",
    "Triangle": "Tril or Triu",
    "ConstantPad": "Pad",
}
COLORS = {"operation": tint(SKY, 0.3), "leaf": tint(ORANGE, 0.3), "result": tint(PURPLE, 0.6)}


class Box(NamedTuple):
    """An operation, a leaf, or the operation whose output is the result.

    sources: indices of the boxes that it was computed from.
    """

    kind: str
    title: str
    detail: str
    sources: list[int]

    @property
    def lines(self) -> list[str]:
        """The lines of text in the box."""
        leaf = self.kind == "leaf"
        return [f"{self.title}: {self.detail}"] if leaf else [self.title, self.detail]


class Graph(NamedTuple):
    """The boxes, each after its sources; the last one is the result."""

    boxes: list[Box]

    def dot(self) -> str:
        """The graph in the DOT language of Graphviz."""
        lines = ["digraph {", "  node [shape=box style=filled fontname=sans]"]
        for k, box in enumerate(self.boxes):
            text = _quoted(f"{box.title}\n{box.detail}")
            lines.append(f'  n{k} [label="{text}" fillcolor="{COLORS[box.kind]}"]')
            lines += [f"  n{source} -> n{k}" for source in box.sources]
        return "\n".join([*lines, "}"]) + "\n"

    def svg(self) -> str:
        """The graph as an SVG image, the result at the bottom, weights beside their operations."""
        spots, width, height = self.places()
        beside = self.beside()
        aside = {leaf for leaves in beside.values() for leaf in leaves}
        edges = [(source, k) for k, box in enumerate(self.boxes) for source in box.sources]
        ways = routes(spots, beside, {edge for edge in edges if edge[0] not in aside}, GAP)
        arrows = [_beside(spots[a], spots[b]) if a in aside else _way(ways[a, b]) for a, b in edges]
        width = max([width, *(x + MARGIN for corners in ways.values() for x, _ in corners)])
        drawn = [_drawn(box, spot) for box, spot in zip(self.boxes, spots, strict=True)]
        head = HEAD.format(width=round(width), height=round(height))
        title = f"<title>Computation graph, {len(self.boxes)} boxes</title>"
        return "\n".join([head, title, TIP, GROUND, *arrows, *drawn, "</svg>\n"])

    def _users(self) -> list[list[int]]:
        """For each box the boxes computed from it."""
        users: list[list[int]] = [[] for _ in self.boxes]
        for k, box in enumerate(self.boxes):
            for source in box.sources:
                users[source].append(k)
        return users

    def beside(self) -> dict[int, list[int]]:
        """For each operation the leaves that only it uses, drawn on its left."""
        users = self._users()
        found: dict[int, list[int]] = {}
        for k, box in enumerate(self.boxes):
            if box.kind == "leaf" and len(users[k]) == 1:
                found.setdefault(users[k][0], []).append(k)
        return found

    def places(self) -> tuple[list[Spot], float, float]:
        """The position of each box, and the width and height of the image.

        A leaf that a single operation uses is drawn on its left, so that the operations form
        columns.
        """
        users = self._users()
        beside = self.beside()
        aside = {k for leaves in beside.values() for k in leaves}
        order = [k for k in range(len(self.boxes)) if k not in aside][::-1]
        rank = {k: i for i, k in enumerate(order)}
        # From the result upwards: early boxes are placed close above the operations that use them.
        cells = layout([sorted(rank[user] for user in users[k]) for k in order])
        left, bottom = min(c for c, _ in cells), max(r for _, r in cells)
        wide = max(LETTER * len(line) for box in self.boxes for line in box.lines) + 2 * MARGIN
        tall = max([BOX, *(LEAF * len(leaves) for leaves in beside.values())])
        across, down = (2 if aside else 1) * (wide + GAP), tall + GAP
        spots: list[Any] = [None] * len(self.boxes)
        for k, (column, row) in zip(order, cells, strict=True):
            x, y = (column - left + 1) * across - (wide + GAP) / 2, (bottom - row + 0.5) * down
            spots[k] = Spot(x, y, wide, BOX)
            for place, leaf in enumerate(beside.get(k, [])):
                higher = (len(beside[k]) - 1) / 2 - place
                spots[leaf] = Spot(x - wide - GAP, y - higher * LEAF, wide, LEAF - 4)
        return spots, max(spot.x for spot in spots) + wide / 2 + GAP / 2, (bottom + 1) * down

    def save(self, path: str | Path) -> None:
        """Write `svg` or `dot`, depending on the file's suffix.

        Raises: ValueError for another suffix.
        """
        path = Path(path)
        forms = {".svg": self.svg, ".dot": self.dot, ".gv": self.dot}
        if path.suffix not in forms:
            raise ValueError(f"save: a graph is written as {', '.join(forms)}, not as {path.name}")
        path.write_text(forms[path.suffix](), encoding="utf-8")


def computation_graph(
    result: Tensor | ModelGraph, names: Module | Mapping[str, Tensor] | None = None
) -> Graph:
    """Build the drawing of what `result` was computed by: its operations, and their leaves.

    result: a tensor, whose leaves are the tensors that require gradients; or a graph that
    `mt.graph.capture` or a pass made, whose leaves are its inputs and weights. names: the names of
    a tensor's leaves: a model, for its parameters, or a dict of tensors.

    Raises: ValueError for a tensor without a graph.

        x, y = mt.ones(3, requires_grad=True), mt.ones(3, requires_grad=True)
        mt.analysis.computation_graph((x * y).sum(), {"x": x, "y": y}).save("graph.svg")

        graph = mt.graph.capture(model, mt.zeros(1, 3, 32, 32))
        mt.analysis.computation_graph(graph).save("model.svg")
    """
    if isinstance(result, ModelGraph):
        return _of_model(result)
    if result.grad_fn is None:
        raise ValueError(
            "computation_graph: result has no graph: nothing that it was computed from requires a "
            "gradient"
        )
    named = dict(names.named_parameters() if isinstance(names, Module) else names or {})
    called = {id(tensor): name for name, tensor in named.items()}
    boxes: list[Box] = []
    place: dict[int, int] = {}
    for node in ancestors([result.grad_fn]):
        sources = []
        for source, _ in filter(None, node.edges):
            if not isinstance(source, ArrayFunction) and id(source) not in place:
                place[id(source)] = len(boxes)
                boxes.append(Box("leaf", called.get(id(source), "leaf"), _shape(source.shape), []))
            sources.append(place[id(source)])
        place[id(node)] = len(boxes)
        kind = "result" if node is result.grad_fn else "operation"
        shapes = ", ".join(dict.fromkeys(_shape(shape) for shape, _ in node.out_meta))
        with_relu = rectifies(node) and not isinstance(node, Activation)
        name = type(node).__name__
        title = USUAL.get(name, name) + (" and ReLU" if with_relu else "")
        shapes += ", running statistics" if isinstance(node, ChannelAffine) else ""
        boxes.append(Box(kind, title, shapes, sources))
    return Graph(boxes)


def _of_model(graph: ModelGraph) -> Graph:
    """The drawing of a model's graph.

    Weights are constants of floating-point numbers with an axis. A batch norm's running statistics
    are not drawn, but written in its box, as for a tensor.
    """
    boxes: list[Box] = []
    place: dict[str, int] = {}

    def leaf(name: str) -> None:
        place[name] = len(boxes)
        boxes.append(Box("leaf", name, _sizes(graph, name), []))

    for value in graph.inputs:
        leaf(value.name)
    results = {value.name for value in graph.outputs}
    for node in graph.nodes:
        drawn = [name for name in _read(node) if name in place or _is_weight(graph, name)]
        for name in drawn:
            if name not in place:
                leaf(name)
        detail = ", ".join(dict.fromkeys(_sizes(graph, name) for name in node.outputs if name))
        if node.operator == "BatchNormalization":
            detail += ", running statistics"
        kind = "result" if results & set(node.outputs) else "operation"
        place.update(dict.fromkeys(node.outputs, len(boxes)))
        boxes.append(Box(kind, node.operator, detail, [place[name] for name in drawn]))
    return Graph(boxes)


def _read(node: Node) -> tuple[str, ...]:
    """The inputs of a node that are drawn, each once."""
    read = node.inputs[:3] if node.operator == "BatchNormalization" else node.inputs
    return tuple(dict.fromkeys(filter(None, read)))


def _is_weight(graph: ModelGraph, name: str) -> bool:
    tensor = graph.constants.get(name)
    return tensor is not None and tensor.dtype.kind in dtypes.FLOATS and tensor.ndim > 0


def _sizes(graph: ModelGraph, name: str) -> str:
    """The shape of a value, with the letter of a free batch."""
    value = graph.values.get(name)
    if value is None or value.shape is None:
        return "shape unknown"
    return _shape(value.shape)


def _shape(shape: Shape) -> str:
    return " x ".join(map(str, shape)) or "one number"


def _quoted(text: str) -> str:
    """Escape text for a string in the DOT language."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _beside(leaf: Spot, end: Spot) -> str:
    """The arrow from a leaf to the operation on its right."""
    a, b = leaf.x + leaf.width / 2, end.x - end.width / 2
    return _curve(f"M{a:.1f} {leaf.y:.1f}L{b:.1f} {end.y:.1f}")


def _way(corners: list[tuple[float, float]]) -> str:
    """The arrow down through the corners, changing columns within a stripe."""
    (x, y), *rest = corners
    path = f"M{x:.1f} {y:.1f}"
    for a, b in rest:
        middle = (y + b) / 2
        bend = f"C{x:.1f} {middle:.1f} {a:.1f} {middle:.1f} {a:.1f} {b:.1f}"
        path += f"V{b:.1f}" if a == x else bend
        x, y = a, b
    return _curve(path)


def _curve(path: str) -> str:
    return f'<path d="{path}" fill="none" stroke="#555" marker-end="url(#tip)"/>'


def _drawn(box: Box, spot: Spot) -> str:
    x, y, width, height = spot
    frame = (
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" '
        f'height="{height}" rx="5" fill="{COLORS[box.kind]}" stroke="#888"/>'
    )
    first = y + 4.5 - 8.5 * (len(box.lines) - 1)
    weights = ["bold", "normal"] if len(box.lines) == 2 else ["normal"]
    texts = [
        f'<text x="{x:.1f}" y="{first + 17 * k:.1f}" font-weight="{weight}">{escape(line)}</text>'
        for k, (line, weight) in enumerate(zip(box.lines, weights, strict=True))
    ]
    return frame + "".join(texts)
