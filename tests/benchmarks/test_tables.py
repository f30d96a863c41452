"""A table says what was measured on which machine and how."""

import json

from benchmarks.tables import Table, by_processor


def test_a_table_is_printed_and_kept(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    table = Table({"net": "", "accuracy": ".1%"})
    table.add("lenet5", 0.987)
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["net", "accuracy"],
        ["lenet5", "98.7%"],
    ]
    file = tmp_path / "table.md"
    table.save(file, "Nets", "python -m benchmarks.nets", ["lenet5"])
    title, command, facts, *rows = file.read_text(encoding="utf-8").split("\n\n")
    assert (title, command) == ("# Nets", "`python -m benchmarks.nets lenet5`")
    assert "numpy" in facts and "BLAS threads 1" in facts
    assert rows == ["| net | accuracy |\n| :-- | --: |\n| lenet5 | 98.7% |\n"]


def test_results_of_several_processors_stand_side_by_side(tmp_path):
    def write(processor, ratios, **facts):
        rows = [
            {"suite": "s", "layer": str(k), "batch": 1, "direction": "gx", "threads": threads,
             "ms": {"ours": 2.0 / threads}, "ratio": {"torch": ratio}}
            for k, (threads, ratio) in enumerate(ratios)
        ]  # fmt: skip
        machine = {"processor": processor, "date": "2026-01-02", **facts}
        content = {"machine": machine, "rows": rows}
        (tmp_path / f"conv-{processor}.json").write_text(json.dumps(content))

    write("as", [(1, 0.6)], restricted="all libraries restricted to avx2")
    write("old", [(1, 0.5), (1, 2.0)], formats="contiguous only")
    write("new", [(1, 0.7)])
    text = by_processor(tmp_path)
    heads = "as, all libraries restricted to avx2 | new | old, contiguous only"
    assert f"| suite batch direction | threads | to | {heads} |" in text
    assert "| s 1 gx | 1 | torch | 0.60 | 0.70 | 1.00 (2.00) |" in text
    assert "old: 2026-01-02, processor old, formats contiguous only. (conv)" in text
    assert "Networks" not in text
