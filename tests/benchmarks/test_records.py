"""Rows are kept beside those of earlier runs, and summarised with the worst of them."""

import json

import pytest

from benchmarks import instructions, records

FACTS = {"processor": "P", "date": "2026-02-01"}


def row(layer, direction, ratio, threads=1, ms=1.0):
    what = {"layer": layer, "direction": direction, "threads": threads}
    return {**what, "chosen": "fast", "ms": {"ours": ms}, "ratio": {"torch": ratio}}


ROWS = [row("a", "gx", 0.5), row("b", "gx", 2.0), row("a", "gw", 3.0)]


def test_a_row_replaces_what_measured_the_same_and_no_other(tmp_path):
    file = tmp_path / "rows.json"
    records.keep(file, {**FACTS, "date": "2026-01-01"}, ROWS)
    records.keep(file, FACTS, [row("b", "gx", 1.5) | {"chosen": "other"}])
    content = json.loads(file.read_text())
    assert content["machine"] == FACTS
    assert [(r["ratio"]["torch"], r["date"][5:7]) for r in content["rows"]] == [
        (0.5, "01"),
        (1.5, "02"),
        (3.0, "01"),
    ]


def test_rows_of_two_processors_do_not_mix(tmp_path):
    file = tmp_path / "rows.json"
    records.keep(file, FACTS, ROWS)
    with pytest.raises(ValueError, match="has rows of P, not of Q"):
        records.keep(file, FACTS | {"processor": "Q"}, ROWS)


def test_a_group_has_its_mean_and_its_worst_row():
    gx, gw = records.means(ROWS, ["direction"])
    assert gx.startswith("gx") and gw.startswith("gw")
    assert gx.endswith("mean 1.00 x torch's time, no row above 2.00 (b), 2 rows")
    (line,) = records.means(ROWS, [], unit="memory")
    assert line.endswith("mean 1.44 x torch's memory, no row above 3.00 (a gw), 3 rows")


def test_the_speed_of_several_threads_is_that_of_the_same_rows_on_one():
    two = [row("a", "gx", 1.0, threads=2, ms=0.25), row("new", "gx", 1.0, threads=2)]
    assert list(records.scaling([*ROWS, *two])) == ["2 threads, times as fast as 1: ours 4.00"]
    assert list(records.scaling(ROWS)) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AMD EPYC", "amd-epyc"),
        ("Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", "intel-xeon-platinum-8375c"),
        ("Intel(R) Core(TM) i7 Processor", "intel-core-i7"),
    ],
)
def test_a_file_is_named_by_the_processor(name, expected, monkeypatch):
    monkeypatch.setattr(records, "_processor", lambda: name)
    monkeypatch.setenv("MINITORCH_CNN_MACHINE", "")
    instructions = records.machine()["instructions"]
    assert records.file_of("conv").name == f"conv-{expected}-{instructions}.json"


def test_a_processor_without_a_number_is_told_by_its_family():
    assert records._with_family("AMD EPYC", "26") == "AMD EPYC family 26"
    assert records._with_family("AMD EPYC 9654", "25") == "AMD EPYC 9654"
    assert records._with_family("AMD EPYC", None) == "AMD EPYC"


def test_a_machine_that_is_another_is_said_to_be_so(monkeypatch):
    monkeypatch.setenv("MINITORCH_CNN_MACHINE", "sse")
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx2")
    assert "-as-" in records.slug()
    assert records.machine()["restricted"] == "only our kernels restricted to sse"
    for name, value in instructions.VARIABLES["sse"].items():
        monkeypatch.setenv(name, value)
    assert records.machine()["restricted"] == "all libraries restricted to sse"
