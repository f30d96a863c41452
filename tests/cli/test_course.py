"""minitorch-cnn course."""

import importlib.util
import json
import subprocess
import sys

import pytest

from minitorch_cnn.course import copying
from tests.interpreter import ROOT


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


# ------------------------------------------------------------------------------------- grading


def test_chosen_notebooks_are_copied(command, refused, tmp_path):
    said = command("course", "new", tmp_path / "two", "--notebooks", "02", "03").out
    assert "2 notebooks; begin with 02_convolution.ipynb" in said
    assert "no notebook's name begins with '99'" in refused(
        "course", "new", tmp_path / "none", "--notebooks", "99"
    )


def test_an_installed_package_says_that_it_has_no_solutions(refused, tmp_path, monkeypatch):
    package = tmp_path / "package"
    copying.copy_notebooks(package)
    monkeypatch.setattr(copying, "PACKAGED", package)
    message = refused("course", "new", tmp_path / "course", "--solutions")
    assert "the installed package has no solutions, only a checkout" in message
    assert not (tmp_path / "course").exists()


@pytest.fixture
def exercise(tmp_path):
    """A notebook as it is handed out."""
    copying.copy_notebooks(tmp_path / "course", names=["02"])
    return tmp_path / "course" / "02_convolution.ipynb"


def test_a_student_reads_the_points_of_each_exercise(command, exercise):
    said = command("course", "check", exercise)
    assert said.code == 1 and said.err == ""
    assert "loops            0 of 3  not written: the cell is as it was handed out" in said.out
    assert "02_convolution: 0 of 12 points" in said.out
    assert "marked by hand" in said.out


def test_a_runner_reads_json(command, exercise):
    said = command("course", "grade", exercise, "--json")
    told = json.loads(said.out)
    assert said.code == 1 and told["score"] == 0
    assert told["tests"][0]["name"] == "loops"
    assert sum(test["max_score"] for test in told["tests"]) == 12


def test_a_class_is_graded_and_reported(command, exercise, tmp_path):
    exercise.rename(exercise.with_name("ada.ipynb"))
    said = command("course", "grade", exercise.parent, "--out", tmp_path / "reports")
    assert said.code == 0 and "1/1 ada, 02_convolution: 0 of 12" in said.out
    again = command("course", "report", tmp_path / "reports")
    assert again.code == 0 and str(tmp_path / "reports" / "grades.csv") in again.out


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["check", "none.ipynb"], "there is no file none.ipynb"),
        (["check", "notes.py"], "none of the cells of an exercise"),
        (["grade", "notes.py", "--out", "reports"], "--out and --notebooks are for a folder"),
        (["grade", "."], "a folder of submissions needs --out REPORTS"),
        (["grade", ".", "--json"], "--json grades one file"),
        (["grade", ".", "--out", "notes.py"], "is a file, it must be a folder"),
        (["report", "none"], "no results in"),
        (["check", "notes.py", "--time", "0"], "must be a number above 0"),
        (["my-course"], "'my-course' must be one of new, check, grade, report"),
    ],
)
def test_what_cannot_be_graded_is_refused_in_one_sentence(
    refused, tmp_path, monkeypatch, arguments, said
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.py").write_text("a = 1\n", encoding="utf-8")
    assert said in refused("course", *arguments)


def test_the_package_of_the_course_is_a_command_of_its_own(exercise):
    command = [sys.executable, "-m", "minitorch_cnn.course", "check", str(exercise)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 1 and "02_convolution: 0 of 12 points" in run.stdout
