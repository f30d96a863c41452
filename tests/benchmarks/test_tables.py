"""A table is printed row by row, and its file says what it was measured on and how."""

from benchmarks.tables import Table


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
