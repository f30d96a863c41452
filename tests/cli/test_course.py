"""minitorch-cnn course."""

import importlib.util

import pytest


def test_the_notebooks_are_copied_and_the_next_command_is_said(command, tmp_path):
    said = command("course", "new", tmp_path / "course")
    assert said.code == 0 and said.err == ""
    lines = said.out.splitlines()
    assert "15 notebooks; begin with 01_autograd.ipynb" in lines[0]
    assert lines[-1] == f"jupyter lab {tmp_path / 'course'}"
    assert len(list((tmp_path / "course").rglob("*.ipynb"))) == 15


def test_solutions_come_when_they_are_asked_for(command, tmp_path):
    said = command("course", "new", tmp_path, "--solutions")
    assert f"{tmp_path / 'solutions'}: the solved notebooks" in said.out
    assert len(list((tmp_path / "solutions").iterdir())) == 15


@pytest.mark.parametrize("found", [None, "a spec"])
def test_what_is_missing_to_open_them_is_said(command, tmp_path, monkeypatch, found):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    said = command("course", "new", tmp_path).out
    assert ("pip install" in said) == (found is None)


def test_a_folder_whose_name_has_a_space_is_quoted(command, tmp_path):
    said = command("course", "new", tmp_path / "my course").out
    assert said.splitlines()[-1] == f"jupyter lab '{tmp_path / 'my course'}'"


def test_what_is_there_is_not_overwritten(command, refused, tmp_path):
    command("course", "new", tmp_path)
    (tmp_path / "01_autograd.ipynb").write_text("mine", encoding="utf-8")
    message = refused("course", "new", tmp_path)
    assert "01_autograd.ipynb and 14 more are there already" in message
    assert (tmp_path / "01_autograd.ipynb").read_text(encoding="utf-8") == "mine"


def test_a_folder_has_to_be_named(refused):
    assert "FOLDER" in refused("course", "new")
