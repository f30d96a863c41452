"""The script for a GPU's first quarter of an hour, rehearsed with the emulator."""

import importlib
import json
import re
import sys
import time

import pytest

from benchmarks import device_check
from benchmarks.device_check import CALLS, Part, check, file_of, run_part
from minitorch_cnn.kernels.cuda.array import has_compiler, has_gpu
from minitorch_cnn.kernels.cuda.profile_cases import CASES


def part(name, code, seconds=60, needs=""):
    command = (sys.executable, "-c", code)
    return Part(name, seconds, command, command, needs)


@pytest.fixture
def parts(monkeypatch):
    """Replace the parts of the call "speed"."""
    return lambda *new: monkeypatch.setitem(CALLS, "speed", new)


def test_a_result_is_kept_after_each_part_and_a_part_with_one_is_skipped(parts, tmp_path, capsys):
    first, broken, last = part("a", "print(1)"), part("b/c, d", "1 / 0"), part("e", "print(3)")
    parts(first, broken, last)
    assert check("speed", "emulator", tmp_path, 100) == 1
    found = [json.loads(file_of(tmp_path, one).read_text()) for one in (first, broken, last)]
    assert [result["rc"] for result in found] == [0, 1, 0]
    assert "ZeroDivisionError" in found[1]["output"] and found[2]["output"] == "3\n"
    file_of(tmp_path, broken).unlink()
    capsys.readouterr()
    check("speed", "emulator", tmp_path, 100)
    out = capsys.readouterr().out
    assert "a: done before" in out and "e: done before" in out
    assert re.search(
        r"^b/c, d: exit status 1 after \d of 60 s: ZeroDivisionError", out, re.MULTILINE
    )
    assert out.startswith("speed: at most 180 s: a 60, b/c, d 60, e 60\n")


def test_a_part_that_takes_too_long_is_cut_off_and_one_without_time_is_not_begun(parts, tmp_path):
    slow = part("slow", "import time; print('begun', flush=True); time.sleep(60)", seconds=1)
    parts(slow, part("late", "print(1)"))
    check("speed", "cuda", tmp_path, 5)
    result = json.loads(file_of(tmp_path, slow).read_text())
    assert result["rc"] is None and "begun" in result["output"]
    assert not (tmp_path / "late.json").exists()


def test_what_was_cut_off_ends_with_all_it_started_and_is_repeated_after_the_others(
    parts, tmp_path, capsys
):
    inner = f"import time; time.sleep(3); open({str(tmp_path / 'alive')!r}, 'w')"
    slow = part(
        "slow",
        "import pathlib, subprocess, sys, time\n"
        "again = pathlib.Path('{folder}/begun')\n"
        "if again.exists(): sys.exit(print('went on'))\n"
        "again.touch()\n"
        f"subprocess.run([sys.executable, '-c', {inner!r}])",
        seconds=1,
    )
    last = part("last", "print('last')", seconds=1)
    parts(slow, last)
    assert check("speed", "cuda", tmp_path, 30) == 1
    assert json.loads(file_of(tmp_path, slow).read_text())["cut off"]
    file_of(tmp_path, last).unlink()
    capsys.readouterr()
    assert check("speed", "cuda", tmp_path, 30) == 0
    out = capsys.readouterr().out
    assert out.index("last: exit status 0") < out.index("slow: exit status 0")
    assert "cut off" not in file_of(tmp_path, slow).read_text()
    time.sleep(3)
    assert not (tmp_path / "alive").exists()


def test_a_program_that_is_missing_is_told(tmp_path):
    found = run_part(part("x", "", needs="no-such-profiler"), "cuda", 5, tmp_path)
    assert found["rc"] is None and found["output"] == "no-such-profiler is not installed"


def test_a_call_stays_under_six_minutes_and_its_layers_exist():
    for call in CALLS.values():
        assert sum(one.seconds for one in call) < 360
    assert set(device_check.COUNTED) <= CASES.keys()


@pytest.mark.skipif(has_gpu(), reason="there is a GPU")
@pytest.mark.parametrize("part", CALLS["speed"][:3], ids=lambda one: one.name)
def test_a_benchmark_takes_the_options_of_its_part(part, capsys):
    pytest.importorskip("torch")  # the parts compare with it
    _, _, name, *options = part.command
    with pytest.raises(SystemExit):
        importlib.import_module(name).main(options)
    assert "--device cuda needs an NVIDIA GPU and CuPy" in capsys.readouterr().err


@pytest.mark.parametrize("case", device_check.COUNTED)
def test_a_layer_is_launched_for_the_profiler(case):
    words = list(device_check.counters(case))
    assert words[-2:] == ["--launch", case] and words[0] == "ncu"


@pytest.mark.slow
@pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
@pytest.mark.parametrize("call", CALLS)
def test_the_emulator_rehearses_every_part(call, tmp_path):
    check(call, "emulator", tmp_path, 600)
    results = {one.name: json.loads(file_of(tmp_path, one).read_text()) for one in CALLS[call]}
    failed = [name for name, result in results.items() if result["rc"] != 0]
    assert failed == (["sanitizer"] if call == "correctness" else [])  # refuses an unknown tool
