"""A cell is drawn with its operations, their sums and its output."""

import re
import xml.etree.ElementTree as tree

import pytest

from minitorch_cnn.analysis import cell_drawing
from minitorch_cnn.models import CellGenotype
from minitorch_cnn.models.nasnet import NASNET_A


def test_each_box_leads_to_those_that_use_it():
    cell = CellGenotype(
        [(0, "separable_3x3", 1, "identity"), (2, "max_pool_3x3", 0, "conv_1x1")], concat=[3, 1]
    )
    found = cell_drawing(cell)
    lines = [(box.title, box.detail, box.sources) for box in found.boxes]
    assert lines == [
        ("state 0", "previous cell", []),
        ("state 1", "cell before that", []),
        ("separable_3x3", "of state 0", [0]),
        ("identity", "of state 1", [1]),
        ("sum", "state 2", [2, 3]),
        ("max_pool_3x3", "of state 2", [4]),
        ("conv_1x1", "of state 0", [0]),
        ("sum", "state 3", [5, 6]),
        ("concatenation", "states 3, 1", [7, 1]),
    ]


@pytest.mark.parametrize("kind", ["normal", "reduction"])
def test_nasnets_cells_are_drawn_whole(kind, tmp_path):
    cell = getattr(NASNET_A, kind)
    drawn = cell_drawing(cell)
    drawn.save(tmp_path / "cell.svg")
    text = (tmp_path / "cell.svg").read_text(encoding="utf-8")
    tree.fromstring(text)
    assert text.count("<rect") == len(drawn.boxes) + 1 == 2 + 3 * len(cell.nodes) + 1 + 1
    for node in cell.nodes:
        assert node.first_operation in text and node.second_operation in text
    assert len(re.findall("marker-end", text)) == sum(len(box.sources) for box in drawn.boxes)
