"""The version of a kernel's sources changes with every file that the kernel is compiled from."""

import ast

import pytest

from minitorch_cnn.kernels import sources
from minitorch_cnn.kernels.sources import version_of

FILES = {
    "__init__.py": "from . import unrelated",
    "op/__init__.py": "VALUE = 1",
    "op/compiled.py": "from ..tools import (  # of all\n    first,\n    last as second,\n)\n"
    "from . import loops, VALUE",
    "op/loops.py": "def f():\n    from ..deep import g",
    "tools.py": "import numpy\nfrom os import path",
    "deep/__init__.py": "from .inner import g",
    "deep/inner.py": "def g(): pass\nfrom ..op import compiled  # a cycle",
    "unrelated.py": "",
}
NEEDED = {
    "op/__init__.py",
    "op/compiled.py",
    "op/loops.py",
    "tools.py",
    "deep/__init__.py",
    "deep/inner.py",
}


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write the files into a folder and return the version of a kernel's file."""
    monkeypatch.setattr(sources, "ROOT", tmp_path)

    def written(files, below="package"):
        monkeypatch.setattr(sources, "ROOT", tmp_path / below)
        for name, text in files.items():
            (tmp_path / below / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / below / name).write_text(text)
        sources._read.cache_clear()
        return version_of(str(tmp_path / below / "op/compiled.py"))

    yield written
    sources._read.cache_clear()


@pytest.mark.parametrize("edited", FILES)
def test_the_version_changes_with_the_files_that_a_kernel_imports_and_no_others(write, edited):
    before = write(FILES)
    assert (write({edited: FILES[edited] + "\n"}) != before) == (edited in NEEDED)


def test_the_version_is_the_same_in_another_folder(write):
    assert write(FILES) == write(FILES, "elsewhere")


def test_the_version_changes_with_the_name_of_a_file(write):
    importing = {"op/compiled.py": "from . import old, new"}
    before = write(importing | {"op/old.py": ""}, "old")
    assert write(importing | {"op/new.py": ""}, "new") != before


def test_a_function_without_a_file_has_no_version():
    with pytest.raises(OSError):
        version_of("<string>")


def test_every_import_of_the_package_by_its_own_files_is_relative_and_found():
    """The version finds imports by their text: these are those that Python's parser finds."""
    for path in sorted(sources.ROOT.rglob("*.py")):
        expected = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not any(alias.name.startswith("minitorch_cnn") for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("minitorch_cnn")
                if node.level:
                    folder = path.parents[node.level - 1]
                    source = folder.joinpath(*(node.module or "").split("."))
                    inside = [sources._file_of(source / alias.name) for alias in node.names]
                    expected.update(file or sources._file_of(source) for file in inside)
        assert set(sources._read(path)[1]) == expected - {None}, path
