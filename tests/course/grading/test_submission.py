"""Whatever is handed in, it is read, or refused with one clear line."""

import json
import os
import sys

import pytest

from minitorch_cnn.course.grading import submission
from minitorch_cnn.course.grading.submission import (
    Unreadable,
    Written,
    read_submission,
    recognised,
)
from tests.course.grading.conftest import COLUMNS, cell, exercise_cells, hole, notebook

DEEP = "[" * 100_000 + "]" * 100_000
WRONG = {
    "empty": (b"", "the file is empty"),
    "spaces": (b" \n", "the file is empty"),
    "text": (b"hello", "its text is not JSON"),
    "half": (b'{"cells": [', "its text is not JSON"),
    "a list": (b"[1]", "the file is not a notebook"),
    "deep": (DEEP.encode(), "its text is not JSON"),
    "a huge number": (b'{"nbformat": ' + b"9" * 10_000 + b"}", "not"),
    "bytes": (bytes(range(256)), "not text in UTF-8"),
    "zeros": (b"\0" * 100, "binary"),
    "nbformat 3": (b'{"nbformat": 3, "worksheets": []}', "nbformat 3 is not 4: open the file in"),
    "no nbformat": (b"{}", "nbformat None is not 4"),
    "no cells": (b'{"nbformat": 4}', "has no cells"),
    "cells that are none": (b'{"nbformat": 4, "cells": 7}', "has no cells"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_file_that_is_no_notebook_is_refused(tmp_path, kind):
    content, said = WRONG[kind]
    path = tmp_path / "ada.ipynb"
    path.write_bytes(content)
    with pytest.raises(Unreadable, match=said):
        read_submission(path)


def test_a_large_file_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(submission, "LARGEST", 2**20)
    path = tmp_path / "ada.ipynb"
    with open(path, "wb") as file:
        file.truncate(2**30)  # of zeros that take no place
    with pytest.raises(Unreadable, match=r"1024 MB, more than 1; clear the outputs"):
        read_submission(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(Unreadable, match="cannot be read"):
        read_submission(tmp_path / "none.ipynb")
    with pytest.raises(Unreadable):
        read_submission(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes need rights there")
def test_links_and_pipes_are_refused(tmp_path):
    (tmp_path / "real.ipynb").write_text(json.dumps(notebook()), encoding="utf-8")
    (tmp_path / "link.ipynb").symlink_to(tmp_path / "real.ipynb")
    os.mkfifo(tmp_path / "pipe.ipynb")
    with pytest.raises(Unreadable, match="a link"):
        read_submission(tmp_path / "link.ipynb")
    with pytest.raises(Unreadable, match="not a file"):
        read_submission(tmp_path / "pipe.ipynb")


def test_cells_have_the_name_of_nbgrader_or_their_id_and_odd_ones_none(tmp_path):
    odd = [7, {}, {"metadata": [], "source": {}, "id": 3}, {"metadata": {"nbgrader": 4}}]
    renamed = {**hole("im2col", COLUMNS), "id": "1234"}
    book = notebook(renamed, cell("top-1", "a = 1\nb = 2"), *odd)
    path = tmp_path / "ada.ipynb"
    path.write_text(json.dumps(book), encoding="utf-8")
    found = read_submission(path).cells
    assert found[:2] == (
        Written("im2col", "code", COLUMNS),
        Written("top-1", "code", "a = 1\nb = 2"),
    )
    assert {one.name for one in found[2:]} == {""} and {one.source for one in found[2:]} == {""}


def test_the_plain_form_has_the_same_cells(tmp_path):
    path = tmp_path / "ada.py"
    path.write_bytes(
        b"import os\r\n\r\n# %% top-1 [markdown]\r\n# Words,\r\n# and more.\r\n"
        b"# %% im2col\r\ndef im2col(x):\r\n    return x\r\n\r\n# %%\r\nhelper = 1\r\n"
    )
    assert read_submission(path).cells == (
        Written("", "code", "import os\n\n"),
        Written("top-1", "markdown", "Words,\nand more."),
        Written("im2col", "code", "def im2col(x):\n    return x"),
        Written("", "code", "helper = 1"),
    )


def test_a_submission_is_recognised_by_its_cells(tmp_path, exercise):
    path = tmp_path / "my own name (1).ipynb"
    path.write_text(json.dumps(notebook(*exercise_cells())), encoding="utf-8")
    assert recognised(read_submission(path), [exercise]) is exercise
    path.write_text(json.dumps(notebook(cell("other", "a = 1"))), encoding="utf-8")
    with pytest.raises(Unreadable, match="none of the cells of an exercise"):
        recognised(read_submission(path), [exercise])
