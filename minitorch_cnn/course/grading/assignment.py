"""Assignment: an exercise of the package, with the points of its checks."""

from __future__ import annotations

import dataclasses
import json
from functools import cached_property
from pathlib import Path

from ..copying import folder_of_notebooks


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of an exercise.

    role: "hole" is to be filled in by the student, "check" decides about `points`, "manual" is
    answered in words and marked by hand, "given" is everything else.
    """

    name: str
    kind: str  # "code" or "markdown"
    source: str
    role: str = "given"
    points: int = 0
    optional: bool = False


@dataclasses.dataclass(frozen=True)
class Assignment:
    """An exercise: its cells in order."""

    name: str
    cells: tuple[Cell, ...]

    @cached_property
    def by_name(self) -> dict[str, Cell]:
        return {cell.name: cell for cell in self.cells}

    @property
    def checks(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.role == "check"]

    @property
    def manual(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.role == "manual"]

    @cached_property
    def marks(self) -> frozenset[str]:
        """The names by which a file is recognised: those of the cells that count."""
        return frozenset(cell.name for cell in self.cells if cell.role in ("hole", "check"))

    def hole_of(self, check: Cell) -> Cell | None:
        """The hole that a check is about: the last one before it."""
        before = self.cells[: self.cells.index(check)]
        return next((cell for cell in reversed(before) if cell.role == "hole"), None)


def read_assignment(path: str | Path) -> Assignment:
    """The exercise in a notebook file, by the metadata of nbgrader (schema 3)."""
    path = Path(path)
    book = json.loads(path.read_text(encoding="utf-8"))
    cells = []
    for number, cell in enumerate(book["cells"]):
        marks = cell["metadata"].get("nbgrader", {})
        role = "given"
        if marks.get("grade"):
            role = "manual" if marks.get("solution") else "check"
        elif marks.get("solution"):
            role = "hole"
        kind = "code" if cell["cell_type"] == "code" else "markdown"
        name = marks.get("grade_id") or cell.get("id") or f"cell-{number}"
        optional = bool(cell["metadata"].get("minitorch_cnn", {}).get("optional"))
        points = int(marks.get("points", 0))
        cells.append(Cell(name, kind, "".join(cell["source"]), role, points, optional))
    return Assignment(path.stem, tuple(cells))


def assignments(folder: Path | None = None) -> list[Assignment]:
    """The exercises that can be graded, in the order of the course."""
    paths = sorted((folder or folder_of_notebooks()).glob("[0-9]*.ipynb"))
    return [found for found in map(read_assignment, paths) if found.checks]
