"""The autograd benchmark runs every micro-graph, and counts their ops rightly."""

import json

import pytest

import minitorch_cnn as mt
from benchmarks import autograd


@pytest.mark.parametrize("name", autograd.GRAPHS)
def test_a_graph_has_the_ops_it_is_divided_by(name, monkeypatch):
    count, graph, ops = autograd.GRAPHS[name]
    made = []
    apply = mt.autograd.ArrayFunction.apply.__func__
    counted = classmethod(
        lambda cls, *x, **settings: made.append(cls) or apply(cls, *x, **settings)
    )
    monkeypatch.setattr(mt.autograd.ArrayFunction, "apply", counted)
    monkeypatch.setattr(mt.devices, "elsewhere", True)  # then every op is applied by it
    graph(*[mt.rand(4, 4) for _ in range(count)])
    assert len(made) == ops


def test_the_report_has_a_line_per_graph_and_mode(tmp_path, capsys):
    file = tmp_path / "autograd.json"
    before = mt.get_num_threads()
    try:
        autograd.main(["--repeats", "1", "--json", str(file)])
    finally:
        mt.set_num_threads(before)
    rows = json.loads(file.read_text())["rows"]
    expected = [(name, mode) for name in autograd.GRAPHS for mode in autograd.MODES]
    assert [(row["graph"], row["mode"]) for row in rows] == expected
    assert "relu                 recorded" in capsys.readouterr().out
    assert all(row["ms"]["ours"] > 0 for row in rows)
