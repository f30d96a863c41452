"""Result: the points of a file, as it is kept between runs and read by the report."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path


@dataclasses.dataclass
class Mark:
    """The points of one check. line: what the check said, or what happened instead."""

    name: str
    points: int
    possible: int
    optional: bool
    line: str
    seconds: float = 0.0


@dataclasses.dataclass
class Answer:
    """A question to be marked by hand, and what the student wrote."""

    name: str
    possible: int
    text: str


@dataclasses.dataclass
class Result:
    """The points of one student for one notebook.

    line: why the file could not be graded, or "". notes: what the process was not kept from. key:
    what the points depend on; a result with the same key need not be made again.
    """

    student: str
    notebook: str
    file: str = ""
    line: str = ""
    marks: list[Mark] = dataclasses.field(default_factory=list)
    manual: list[Answer] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    key: str = ""

    @property
    def points(self) -> int:
        """Points without those of optional pieces."""
        return sum(mark.points for mark in self.marks if not mark.optional)

    @property
    def bonus(self) -> int:
        """Points of optional pieces."""
        return sum(mark.points for mark in self.marks if mark.optional)

    @property
    def possible(self) -> int:
        """The most points, without optional pieces and what is marked by hand."""
        return sum(mark.possible for mark in self.marks if not mark.optional)

    @property
    def by_hand(self) -> int:
        """The most points of what is marked by hand."""
        return sum(answer.possible for answer in self.manual)


def to_json(result: Result) -> str:
    return json.dumps(dataclasses.asdict(result), indent=1)


def from_json(text: str) -> Result:
    """Raises: ValueError for other text."""
    try:
        found = json.loads(text)
        found["marks"] = [Mark(**mark) for mark in found["marks"]]
        found["manual"] = [Answer(**answer) for answer in found["manual"]]
        return Result(**found)
    except (KeyError, TypeError) as error:
        raise ValueError(f"from_json: this is not a result: {error}") from None


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is never half written: to another one, which is renamed."""
    other = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(other, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
        os.replace(other, path)
    finally:
        other.unlink(missing_ok=True)
