"""computation_graph: what a tensor was computed from, as a drawing in SVG or as text for Graphviz.

Boxes are the nodes of autograd's graph and the tensors at its ends; an arrow leads from each to
what it went into. No program but this one is needed to draw it.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import NamedTuple

from ..autograd.function import Function
from ..nn import Module
from ..tensor import Tensor
from ..tensor.activation import Activation
from .explorer.layout import layout
from .fields import ancestors
from .watch import rectifies

WIDTH, HEIGHT, GAP = 168, 40, 26  # of a box, and between rows, in pixels
LETTER = 6.3  # the width of one, at least as wide as any in the sans-serif fonts of browsers
HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
    'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11" text-anchor="middle">'
)
TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>'
)
GROUND = '<rect width="100%" height="100%" fill="#fff"/>'
COLORS = {"operation": "#dbe7f8", "leaf": "#fbe3c8", "result": "#cfe8e4"}


class Box(NamedTuple):
    """An operation, a leaf, or the operation whose output is the result.

    sources: positions of the boxes that it was computed from.
    """

    kind: str
    title: str
    detail: str
    sources: list[int]


class Graph(NamedTuple):
    """The boxes, each after its sources; the last is the result."""

    boxes: list[Box]

    def dot(self) -> str:
        """The graph in Graphviz's language."""
        lines = ["digraph {", "  node [shape=box style=filled fontname=sans]"]
        for k, box in enumerate(self.boxes):
            text = _quoted(f"{box.title}\n{box.detail}")
            lines.append(f'  n{k} [label="{text}" fillcolor="{COLORS[box.kind]}"]')
            lines += [f"  n{source} -> n{k}" for source in box.sources]
        return "\n".join([*lines, "}"]) + "\n"

    def svg(self) -> str:
        """The graph as an SVG image, the result at the bottom."""
        count = len(self.boxes)
        feeds: list[list[int]] = [[] for _ in range(count)]
        for k, box in enumerate(self.boxes):
            for source in box.sources:
                feeds[count - 1 - source].append(count - 1 - k)
        # From the result up: leaves then stand above what they go into.
        places = layout([sorted(before) for before in feeds])[::-1]
        left = min(column for column, _ in places)
        bottom = max(row for _, row in places)
        widths = [max(WIDTH, LETTER * max(map(len, (box.title, box.detail)))) for box in self.boxes]
        wide = max(widths)
        spots = [
            ((column - left + 0.5) * (wide + GAP), (bottom - row) * (HEIGHT + GAP) + GAP)
            for column, row in places
        ]
        width = max(x for x, _ in spots) + (wide + GAP) / 2
        height = max(y for _, y in spots) + HEIGHT + GAP
        arrows = [
            _arrow(spots[source], spots[k])
            for k, box in enumerate(self.boxes)
            for source in box.sources
        ]
        drawn = [
            _drawn(box, *spot, w) for box, spot, w in zip(self.boxes, spots, widths, strict=True)
        ]
        head = HEAD.format(width=round(width), height=round(height))
        title = f"<title>Computation graph, {count} boxes</title>"
        return "\n".join([head, title, TIP, GROUND, *arrows, *drawn, "</svg>\n"])

    def save(self, path: str | Path) -> None:
        """Write `svg` or `dot`, as the file's ending says.

        Raises: ValueError for another ending.
        """
        path = Path(path)
        forms = {".svg": self.svg, ".dot": self.dot, ".gv": self.dot}
        if path.suffix not in forms:
            raise ValueError(f"save: a graph is written as {', '.join(forms)}, not as {path.name}")
        path.write_text(forms[path.suffix](), encoding="utf-8")


def computation_graph(result: Tensor, names: Module | Mapping[str, Tensor] | None = None) -> Graph:
    """What `result` was computed from: the operations since, and the leaves that require gradients.

    names: what leaves are called: those of a model's parameters, or a dict of tensors.

    Raises: ValueError for a tensor without a graph.

        x, y = mt.ones(3, requires_grad=True), mt.ones(3, requires_grad=True)
        mt.analysis.computation_graph((x * y).sum(), {"x": x, "y": y}).save("graph.svg")
    """
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
            if not isinstance(source, Function) and id(source) not in place:
                place[id(source)] = len(boxes)
                boxes.append(Box("leaf", called.get(id(source), "leaf"), _shape(source.shape), []))
            sources.append(place[id(source)])
        place[id(node)] = len(boxes)
        kind = "result" if node is result.grad_fn else "operation"
        shapes = " ".join(_shape(shape) for shape, _ in node.out_meta)
        with_relu = rectifies(node) and not isinstance(node, Activation)
        title = type(node).__name__ + (" and ReLU" if with_relu else "")
        boxes.append(Box(kind, title, shapes, sources))
    return Graph(boxes)


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"


def _quoted(text: str) -> str:
    """As the inside of a string of Graphviz's language."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    (a, b), (c, d) = start, end
    b += HEIGHT
    bend = (d - b) / 2
    path = f"M{a:.1f} {b:.1f}C{a:.1f} {b + bend:.1f} {c:.1f} {d - bend:.1f} {c:.1f} {d:.1f}"
    return f'<path d="{path}" fill="none" stroke="#555" marker-end="url(#tip)"/>'


def _drawn(box: Box, x: float, y: float, width: float) -> str:
    return (
        f'<rect x="{x - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" height="{HEIGHT}" rx="5" '
        f'fill="{COLORS[box.kind]}" stroke="#888"/>'
        f'<text x="{x:.1f}" y="{y + 16:.1f}" font-weight="bold">{escape(box.title)}</text>'
        f'<text x="{x:.1f}" y="{y + 31:.1f}">{escape(box.detail)}</text>'
    )
