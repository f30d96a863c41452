"""A folder of a class is graded whatever lies in it, and goes on where it was interrupted."""

import json
import sys

import pytest

from minitorch_cnn.course.grading.classroom import file_name, grade_class, handed_in
from minitorch_cnn.course.grading.grader import Grader
from minitorch_cnn.course.grading.limits import Limits
from minitorch_cnn.course.grading.report import write_report
from tests.course.grading.conftest import COLUMNS, SLIDING, exercise_cells, notebook

LIMITS = Limits(seconds=2, total=60, megabytes=400)


def book(*sources):
    return json.dumps(notebook(*exercise_cells(*sources)))


@pytest.fixture
def submissions(tmp_path):
    """A folder of odd submissions, all of which can be read or refused without running them."""
    folder = tmp_path / "submissions"
    (folder / "ada" / "02_small").mkdir(parents=True)
    (folder / "ada" / "02_small" / "02 (1).ipynb").write_text(book(), encoding="utf-8")
    (folder / "ada" / ".ipynb_checkpoints").mkdir()
    (folder / "ada" / ".ipynb_checkpoints" / "02-checkpoint.ipynb").write_text(book("x = 1"))
    (folder / "bo").mkdir()
    (folder / "bo" / "one.ipynb").write_text(book(), encoding="utf-8")
    (folder / "bo" / "two.ipynb").write_text(book("x = 1"), encoding="utf-8")
    (folder / "empty").mkdir()
    (folder / "=1+1.ipynb").write_text(book(), encoding="utf-8")
    (folder / "<b>Zoë<b>.ipynb" if sys.platform != "win32" else folder / "Zoë.ipynb").write_text(
        "not a notebook", encoding="utf-8"
    )
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    return folder


def grade(submissions, reports, exercise, **settings):
    said = []
    found = grade_class(
        submissions, reports, limits=LIMITS, exercises=[exercise], say=said.append, **settings
    )
    return {result.student: result for result in found}, said


def test_each_student_has_a_result_or_a_clear_line(submissions, tmp_path, exercise):
    found, said = grade(submissions, tmp_path / "reports", exercise)
    assert len(found) == len(said) == 5
    assert found["ada"].file == "02 (1).ipynb" and found["ada"].line == ""
    assert found["bo"].line == (
        "there are several files for this notebook, leave one: one.ipynb, two.ipynb"
    )
    assert "no .ipynb and no .py file" in found["empty"].line
    (strange,) = (result for name, result in found.items() if "Zoë" in name)
    assert "its text is not JSON" in strange.line
    assert {result.points for result in found.values()} == {0}
    assert {result.possible for result in found.values()} == {5}


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_are_not_followed(submissions, tmp_path, exercise):
    (submissions / "eve").symlink_to(submissions / "ada")
    (submissions / "cy").mkdir()
    (submissions / "cy" / "mine.ipynb").symlink_to(submissions / "=1+1.ipynb")
    found = {one.student: one for one in handed_in(submissions, [exercise])}
    assert "links are not followed" in found["eve"].lines[0] and not found["eve"].files
    assert "links are not followed" in found["cy"].lines[0] and not found["cy"].files


def test_a_file_and_a_folder_of_one_name_are_one_student(tmp_path, exercise):
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada.ipynb").write_text(book(), encoding="utf-8")
    (one,) = handed_in(tmp_path, [exercise])
    assert one.student == "ada" and len(one.files["02_small"]) == 1


def test_reports_inside_of_the_submissions_are_no_student(submissions, tmp_path, exercise):
    reports = submissions / "reports"
    assert len(grade(submissions, reports, exercise)[0]) == 5
    assert "reports" not in grade(submissions, reports, exercise)[0]


def test_what_is_graded_already_is_not_graded_again(tmp_path, exercise, monkeypatch):
    folder, reports = tmp_path / "submissions", tmp_path / "reports"
    folder.mkdir()
    (folder / "ada.ipynb").write_text(book(COLUMNS, SLIDING), encoding="utf-8")
    (folder / "bo.ipynb").write_text(book(COLUMNS.replace("4, 5", "5, 4"), SLIDING))
    first, _ = grade(folder, reports, exercise)
    assert {name: result.points for name, result in first.items()} == {"ada": 5, "bo": 2}

    asked = []
    run = Grader._run
    monkeypatch.setattr(Grader, "_run", lambda self, *args: asked.append(args) or run(self, *args))
    again, _ = grade(folder, reports, exercise)
    assert asked == [] and again["ada"].marks == first["ada"].marks
    (folder / "bo.ipynb").write_text(book(), encoding="utf-8")
    third, _ = grade(folder, reports, exercise)
    assert len(asked) == 2 and third["bo"].points == 0  # both checks of the changed file
    (next((reports / "results").glob("ada*"))).write_text("{half", encoding="utf-8")
    assert grade(folder, reports, exercise)[0]["ada"].points == 5
    write_report(reports)
    assert (reports / "grades.csv").exists()


def test_an_unknown_notebook_and_an_empty_folder_are_refused(tmp_path, exercise):
    with pytest.raises(ValueError, match="no exercise with checks whose name begins with '99'"):
        grade(tmp_path, tmp_path / "reports", exercise, notebooks=["99"])
    with pytest.raises(FileNotFoundError, match="no submissions"):
        grade(tmp_path, tmp_path / "reports", exercise)
    assert not (tmp_path / "reports").exists()


def test_names_of_files_are_plain_and_differ_where_students_do():
    assert file_name("../../etc/passwd").startswith("_etc_passwd-")
    names = {
        file_name(name) for name in ("Ada", "ada", "a/da", "a.da", "Zoë", "Zoe\u0308", "\udcff")
    }
    assert len(names) == 7
    assert all(name.isascii() and len(name) < 80 for name in names)
