"""The first call is timed in new processes, with an empty cache of kernels and with a full one."""

import pytest

pytest.importorskip("numba")

from benchmarks import first_call
from benchmarks.models import Case

TINY = Case("lenet5_relu", 1)


def test_a_process_compiles_into_the_folder_and_the_next_one_finds_all_there(tmp_path):
    def kernels():
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nbc")}

    empty = first_call.call(TINY, "inference", tmp_path, alone=True)
    compiled = kernels()
    full = first_call.call(TINY, "inference", tmp_path)
    assert compiled and kernels() == compiled
    assert min(*empty, *full) > 0


def test_a_process_alone_starts_no_second_one(monkeypatch):
    commands = []

    def run(command, **settings):
        commands.append(command)
        return first_call.subprocess.CompletedProcess(command, 0, "[0.1, 2.0, 0.3]", "")

    monkeypatch.setattr(first_call.subprocess, "run", run)
    assert first_call.call(TINY, "training", "cache") == (0.1, 2.0, 0.3)
    first_call.call(TINY, "training", "cache", alone=True)
    assert [command[3:] for command in commands] == [
        ["lenet5_relu", "1", "training"],
        ["lenet5_relu", "1", "training", "alone"],
    ]


def test_a_process_that_fails_is_an_error(tmp_path):
    with pytest.raises(RuntimeError, match=r"(?s)^call: nonsense, training: .*no model"):
        first_call.call(Case("nonsense", 1), "training", tmp_path)


def test_the_report_has_the_medians_of_each_state(tmp_path, capsys, monkeypatch):
    calls = []

    def call(case, mode, cache, alone=False):
        calls.append((mode, alone))
        return first_call.Times(0.1, float(len(calls)), 0.01)

    monkeypatch.setattr(first_call, "call", call)
    file = tmp_path / "first.md"
    first_call.main(["lenet5_relu", "--mode", "inference", "--out", str(file)])
    assert [alone for _, alone in calls] == [False, True, False] * 3
    assert {mode for mode, _ in calls} == {"inference"}
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[3:7] for line in lines] == [
        ["empty", "2", "0.10", "4.00"],
        ["empty", "1", "0.10", "5.00"],
        ["full", "0", "0.10", "6.00"],
    ]
    text = file.read_text(encoding="utf-8")
    assert "`python -m benchmarks.first_call lenet5_relu`" in text and "| 4.00 |" in text


@pytest.mark.parametrize("wrong", [["vgg16"], ["--repeats", "0"]])
def test_wrong_arguments_end_it(wrong, capsys):
    with pytest.raises(SystemExit):
        first_call.main(wrong)
    assert "must be" in capsys.readouterr().err
