"""cell_drawing: a searched cell, as an SVG drawing or Graphviz text."""

from __future__ import annotations

from ..models import CellGenotype
from .graph_drawing import Box, Graph

INPUTS = ("state 0", "previous cell"), ("state 1", "cell before that")


def cell_drawing(cell: CellGenotype) -> Graph:
    """Draw a cell as its paper does: its two inputs, the operations, their sums, and the output.

    `Graph.svg()`, `.dot()` and `.save(path)` give the drawing. Source: B. Zoph et al. (2018),
    "Learning transferable architectures for scalable image recognition", figure 4.

        cell = mt.models.nasnet.NASNET_A.normal
        mt.analysis.cell_drawing(cell).save("normal.svg")
    """
    boxes = [Box("leaf", title, detail, []) for title, detail in INPUTS]
    place = {0: 0, 1: 1}  # the box of each state
    for i, node in enumerate(cell.nodes):
        inputs = []
        for _, state, operation in node.sides:
            boxes.append(Box("operation", operation, f"of state {state}", [place[state]]))
            inputs.append(len(boxes) - 1)
        place[2 + i] = len(boxes)
        boxes.append(Box("operation", "sum", f"state {2 + i}", inputs))
    states = ", ".join(map(str, cell.concat))
    boxes.append(
        Box("result", "concatenation", f"states {states}", [place[s] for s in cell.concat])
    )
    return Graph(boxes)
