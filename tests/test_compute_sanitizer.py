"""The script that lets NVIDIA's sanitizer watch the kernels' tests."""

import subprocess
from types import SimpleNamespace

from tests import compute_sanitizer


def test_without_the_sanitizer_it_says_where_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr(compute_sanitizer.shutil, "which", lambda name: None)
    assert compute_sanitizer.main([]) == 2
    assert "the CUDA toolkit has it" in capsys.readouterr().err


def test_both_tools_run_and_one_that_finds_something_is_heard(monkeypatch):
    ran = []

    def run(words, cwd):
        ran.append(words)
        return SimpleNamespace(returncode=9 if "racecheck" in words else 0)

    monkeypatch.setattr(compute_sanitizer.shutil, "which", lambda name: name)
    monkeypatch.setattr(subprocess, "run", run)
    assert compute_sanitizer.main(["tests/kernels/test_conv2d.py"]) == 9
    assert [words[2] for words in ran] == ["memcheck", "racecheck"]
    assert all(words[-3:] == ["-m", "gpu", "tests/kernels/test_conv2d.py"] for words in ran)
