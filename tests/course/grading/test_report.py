"""The tables and pages of a class hold every result, and nothing of a student's text acts."""

import csv
import html.parser

import pytest

from minitorch_cnn.course.grading.gradescope import to_gradescope
from minitorch_cnn.course.grading.report import write_report
from minitorch_cnn.course.grading.results import Answer, Mark, Result, from_json, to_json

EVIL = "<script>alert(1)</script>"


def result(student, points=3, line="yes: it adds", **settings):
    marks = [
        Mark("im2col", points, 3, False, line, 0.4),
        Mark("winograd", 2, 2, True, "yes: 16 products", 0.2),
    ]
    answers = [Answer("answer-1", 2, f"Because {EVIL}")]
    return Result(student, "02_small", "a.ipynb", "", marks, answers, **settings)


@pytest.fixture
def reports(tmp_path):
    (tmp_path / "results").mkdir()
    results = [
        result("ada"),
        result("=cmd|' /C calc'!A0", 0, f"no: {EVIL}\nsecond \x1b[31mline"),
        result(EVIL, notes=["the network: no namespaces"]),
    ]
    for number, one in enumerate(results):
        (tmp_path / "results" / f"{number}.json").write_text(to_json(one), encoding="utf-8")
    write_report(tmp_path)
    return tmp_path


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_tables_have_a_row_for_each_student(reports):
    grades = {row["student"]: row for row in rows(reports / "grades.csv")}
    assert grades["ada"]["points"] == "3" and grades["ada"]["bonus"] == "2"
    assert grades["ada"]["possible"] == "3" and grades["ada"]["to mark by hand"] == "2"
    exercises = {row["student"]: row for row in rows(reports / "02_small.csv")}
    assert (exercises["ada"]["im2col"], exercises["ada"]["winograd"]) == ("3", "2")
    assert exercises["ada"]["answer-1"] == ""


def test_no_cell_of_a_table_is_a_formula(reports):
    for path in reports.glob("*.csv"):
        for row in rows(path):
            assert not any(value.startswith(("=", "+", "-", "@", "\t")) for value in row.values())
    assert "'=cmd|' /C calc'!A0" in {row["student"] for row in rows(reports / "grades.csv")}


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen, self.links = set(), []

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.links += [value for name, value in attrs if name == "href"]


def test_pages_hold_students_texts_as_text_and_lead_to_pages_that_exist(reports):
    pages = [reports / "index.html", *(reports / "students").iterdir()]
    assert len(pages) == 4
    for path in pages:
        tags, text = Tags(), path.read_text(encoding="utf-8")
        tags.feed(text)
        assert "script" not in tags.seen and "default-src 'none'" in text
        assert "\x1b" not in text
        for link in tags.links:
            assert (reports / link).is_file()
    said = "".join(path.read_text(encoding="utf-8") for path in pages)
    assert "second" in said and "yes: it adds" in said and "0 of 3" in said
    assert "not kept from the network: no namespaces" in said
    assert "2 with 3; 1 with 0" in said and "67 %" in said


def test_a_result_survives_its_file_and_other_text_is_refused():
    one = result("ada", notes=["x"], key="k", seconds=1.5)
    assert from_json(to_json(one)) == one
    for text in ("{}", "[]", "7", "{half", '{"marks": [{}], "manual": []}'):
        with pytest.raises(ValueError):
            from_json(text)


def test_without_results_there_is_no_report(tmp_path):
    with pytest.raises(FileNotFoundError, match="no results in"):
        write_report(tmp_path)


def test_gradescope_reads_scores_and_optional_points_as_a_bonus():
    told = to_gradescope(result("ada", 0, "no: kh comes before kw"))
    assert told["score"] == 2
    assert told["tests"][0]["score"] == 0 and told["tests"][0]["max_score"] == 3
    assert told["tests"][0]["output"] == "no: kh comes before kw"
    assert told["tests"][1]["score"] == 2 and told["tests"][1]["max_score"] == 0
