import nbformat
import pytest

from minitorch_cnn.course import copying
from minitorch_cnn.course.copying import copy_notebooks, folder_of_notebooks
from tests.interpreter import ROOT

NAMES = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))


def test_the_exercises_are_copied_without_their_solutions(tmp_path):
    copies = copy_notebooks(tmp_path / "my" / "course")
    assert [path.name for path in copies] == NAMES and len(NAMES) == 15
    assert sorted(path.name for path in (tmp_path / "my" / "course").iterdir()) == NAMES
    first = nbformat.read(copies[0], as_version=4)
    assert any("your turn" in cell.source for cell in first.cells)


def test_solutions_are_copied_into_a_folder_of_their_own(tmp_path):
    copies = copy_notebooks(tmp_path, solutions=True)
    solved = sorted(path.name for path in (tmp_path / "solutions").iterdir())
    assert len(copies) == 30 and solved == NAMES
    same = (folder_of_notebooks() / "solutions" / NAMES[0]).read_bytes()
    assert (tmp_path / "solutions" / NAMES[0]).read_bytes() == same


def test_hosted_notebooks_install_the_package_before_anything_else(tmp_path):
    (copy,) = copy_notebooks(tmp_path, names=["02"], hosted=True)
    book, original = nbformat.read(copy, 4), nbformat.read(folder_of_notebooks() / copy.name, 4)
    nbformat.validate(book)
    assert book.cells[0].source == '%pip install -q "minitorch_cnn[plots]"'
    assert book.cells[1:] == original.cells and book.metadata == original.metadata


@pytest.mark.parametrize("name", [NAMES[5], f"solutions/{NAMES[2]}"])
def test_nothing_is_copied_where_a_file_would_be_overwritten(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("my answers", encoding="utf-8")
    with pytest.raises(FileExistsError, match=r"copy_notebooks: .* is there already, and copying"):
        copy_notebooks(tmp_path, solutions=True)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left == [tmp_path / name] and left[0].read_text(encoding="utf-8") == "my answers"


def test_other_files_in_the_folder_do_not_matter(tmp_path):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    copy_notebooks(tmp_path)
    with pytest.raises(FileExistsError, match="and 14 more are there already"):
        copy_notebooks(tmp_path)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(NotADirectoryError, match="file is a file, not a folder"):
        copy_notebooks(tmp_path / "file")


def test_where_no_notebooks_are_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(copying, "PACKAGED", tmp_path)
    monkeypatch.setattr(copying, "CHECKOUT", tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="no notebooks in"):
        copy_notebooks(tmp_path / "copy")
