"""Submission: the cells of a file that a student handed in, read without trust in the file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from .assignment import Assignment

LARGEST = 32 * 2**20  # bytes of a file, outputs included
ENDINGS = (".ipynb", ".py")


class Unreadable(ValueError):
    """A file that cannot be graded, with the reason."""


@dataclasses.dataclass(frozen=True)
class Written:
    """A cell of a submission. name: its grade_id, its id or its header, or ""."""

    name: str
    kind: str  # "code" or "markdown"
    source: str


@dataclasses.dataclass(frozen=True)
class Submission:
    """The cells of a file in order, and the hash of its bytes."""

    path: Path
    cells: tuple[Written, ...]
    sha256: str

    def named(self, name: str) -> list[Written]:
        return [cell for cell in self.cells if cell.name == name]


def read_submission(path: str | Path) -> Submission:
    """Read a notebook (.ipynb, nbformat 4) or the plain form (.py).

    Raises: Unreadable with a reason for whatever a student may have handed in instead.
    """
    path = Path(path)
    content = contents(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("the file is not text in UTF-8") from None
    if "\0" in text:
        raise Unreadable("the file is binary, not a notebook")
    cells = plain_cells(text) if path.suffix.lower() == ".py" else notebook_cells(text)
    return Submission(path, tuple(cells), hashlib.sha256(content).hexdigest())


def contents(path: Path) -> bytes:
    """The bytes of a regular file of limited size. Raises: Unreadable."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        if path.is_symlink():
            raise Unreadable("the file is a link; links are not followed")
        with open(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise Unreadable("this is not a file")
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise Unreadable(f"the file cannot be read: {error.strerror}") from None
    if len(content) > LARGEST:
        raise Unreadable(
            f"the file has {state.st_size / 2**20:.0f} MB, more than {LARGEST // 2**20}; clear the "
            "outputs of its cells"
        )
    if not content.strip():
        raise Unreadable("the file is empty")
    return content


def notebook_cells(text: str) -> Iterable[Written]:
    """The cells of a notebook. Raises: Unreadable."""
    try:
        book = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("the file is not a notebook: its text is not JSON") from None
    if not isinstance(book, dict):
        raise Unreadable("the file is not a notebook")
    version = book.get("nbformat")
    if version != 4:
        raise Unreadable(f"nbformat {version!r} is not 4: open the file in Jupyter and save it")
    cells = book.get("cells")
    if not isinstance(cells, list):
        raise Unreadable("the notebook has no cells")
    for cell in cells:
        if not isinstance(cell, dict):
            continue
        metadata = cell.get("metadata")
        marks = metadata.get("nbgrader") if isinstance(metadata, dict) else None
        name = marks.get("grade_id") if isinstance(marks, dict) else None
        name = name or cell.get("id")
        source = cell.get("source", "")
        if isinstance(source, list):
            source = "".join(part for part in source if isinstance(part, str))
        kind = "code" if cell.get("cell_type") == "code" else "markdown"
        yield Written(
            name if isinstance(name, str) else "", kind, source if isinstance(source, str) else ""
        )


def plain_cells(text: str) -> Iterable[Written]:
    """The cells of the plain form: each begins with `# %% NAME` or `# %% NAME [markdown]`."""
    head, *parts = re.split(r"^# %%", text.replace("\r\n", "\n"), flags=re.MULTILINE)
    if head.strip():
        yield Written("", "code", head)
    for part in parts:
        title, _, body = part.partition("\n")
        name = title.split("[")[0].strip()
        if "[" in title and "code" not in title:
            lines = [re.sub(r"^# ?", "", line) for line in body.strip("\n").split("\n")]
            yield Written(name, "markdown", "\n".join(lines).strip())
        else:
            yield Written(name, "code", body.strip("\n"))


def recognised(submission: Submission, among: Iterable[Assignment]) -> Assignment:
    """The assignment whose cells a submission has; its file's name counts if there are several.

    Raises: Unreadable if there is none.
    """
    names = {cell.name for cell in submission.cells}
    stem = submission.path.stem
    scored = [
        ((len(names & assignment.marks), stem.startswith(assignment.name)), -number, assignment)
        for number, assignment in enumerate(among)
    ]
    if not scored or not max(scored)[0][0]:
        raise Unreadable("the file has none of the cells of an exercise of the course")
    return max(scored, key=lambda row: row[:2])[2]
