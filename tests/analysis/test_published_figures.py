"""The figures of published results draw the tables."""

import pytest

from minitorch_cnn.analysis import ILSVRC, RESULTS, cost_of

pytest.importorskip("matplotlib")

from minitorch_cnn.analysis import error_against_operations, ilsvrc_timeline


def test_the_bars_are_the_errors_and_the_depths_of_the_winners():
    above, below = ilsvrc_timeline().axes
    assert [bar.get_height() for bar in above.patches] == [w.top5 for w in ILSVRC]
    assert [bar.get_height() for bar in below.patches] == [w.layers or 0 for w in ILSVRC]
    names = [text.get_text() for text in below.get_xticklabels()]
    assert names[5].split("\n") == ["2015", "ResNet-152", "60.2 million", "11.3 billion"]


def test_every_published_net_is_a_point_at_its_operations():
    (axes,) = error_against_operations().axes
    found = [tuple(p) for group in axes.collections for p in group.get_offsets().tolist()]
    expected = [(cost_of(r.model, r.size).macs / 1e9, r.top1) for r in RESULTS]
    assert sorted(found) == sorted(expected)
    families = {text.get_text() for text in axes.get_legend().get_texts()}
    assert families == {r.family for r in RESULTS}
