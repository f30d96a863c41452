"""program: the exercise with the student's cells in its holes, as steps that child.py runs."""

from __future__ import annotations

import ast
import dis
import re
import types
from collections.abc import Iterator
from typing import NamedTuple

from .assignment import Assignment, Cell
from .submission import Submission, Written


class Step(NamedTuple):
    """A cell to run. role: "given" is the package's own, "student" what the student wrote."""

    role: str
    name: str
    source: str


class NotGraded(Exception):
    """A reason why a check gives no points, without anything being run."""


def steps(assignment: Assignment, submission: Submission, check: Cell) -> list[Step]:
    """What to run before a check: given cells, the student's holes, and cells the student added.

    A given cell is the package's, whatever the student made of it; an edited one is run before it,
    as an added one is before the next given cell or hole. Checks are never the student's.

    Raises: NotGraded if the check's hole is missing, is there twice, or is as it was handed out.
    """
    hole = assignment.hole_of(check)
    if hole:
        require_written(hole, submission)
    added = added_cells(assignment, submission)
    found = []
    for cell in assignment.cells[: assignment.cells.index(check)]:
        if cell.kind != "code" or cell.role == "check":
            continue
        found += [Step("student", f"before {cell.name}", text) for text in added.get(cell.name, ())]
        if cell.role == "hole":
            mine = submission.named(cell.name)
            text = mine[0].source if len({other.source for other in mine}) == 1 else cell.source
            found.append(Step("student", cell.name, text))
        else:
            found.append(Step("given", cell.name, cell.source))
    return found


def require_written(hole: Cell, submission: Submission) -> None:
    """Raise NotGraded unless a hole is in a submission, once, and has been edited."""
    mine = {cell.source.strip() for cell in submission.named(hole.name) if cell.kind == "code"}
    if not mine:
        raise NotGraded(f"no: the cell {hole.name!r} is missing from the file")
    if len(mine) > 1:
        raise NotGraded(f"no: there are several different cells {hole.name!r}: leave one of them")
    if mine == {hole.source.strip()}:
        raise NotGraded("not written: the cell is as it was handed out")


def added_cells(assignment: Assignment, submission: Submission) -> dict[str, list[str]]:
    """The student's own code by the name of the given cell or the hole that it stands before."""
    places: dict[str, list[str]] = {}
    waiting: list[str] = []
    for mine in submission.cells:
        official = assignment.by_name.get(mine.name)
        if (official is None or official.role == "given") and is_new(mine, official):
            waiting.append(mine.source)
        if official and official.kind == "code" and official.role in ("given", "hole"):
            places.setdefault(official.name, []).extend(waiting)
            waiting = []
    return places


def is_new(mine: Written, official: Cell | None) -> bool:
    """Whether a cell has code that the exercise lacks."""
    if mine.kind != "code" or not mine.source.strip():
        return False
    return official is None or mine.source.strip() != official.source.strip()


def needed(found: list[Step], check: str) -> list[Step]:
    """The steps on which a check depends by the names that they bind.

    So a cell that fails, ends Python or never ends costs only the checks that need it.
    """
    names, kept = used_names(check), []
    for step in reversed(found):
        if names & bound_names(step.source):
            kept.append(step)
            names |= used_names(step.source)
    return kept[::-1]


def runnable(source: str) -> str:
    """A cell's text without lines for IPython (%time, !ls, ?help), which keep their numbers."""
    first, newline, rest = source.partition("\n")
    if re.match(r"%%(time|timeit|capture|prun)\b", first):
        source = "#" + newline + rest
    elif first.startswith("%%"):
        return ""
    return re.sub(r"^([ \t]*)([%!?].*)$", r"\1pass  # \2", source, flags=re.MULTILINE)


def used_names(source: str) -> set[str]:
    """The global names and attributes that code reads; all its words if it does not compile."""
    try:
        code = compile(runnable(source), "<cell>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(re.findall(r"[^\W\d]\w*", source))
    return {name for part in code_objects(code) for name in part.co_names}


def bound_names(source: str) -> set[str]:
    """The names that running a cell binds, or whose attributes or items it sets."""
    try:
        tree = ast.parse(runnable(source))
        code = compile(tree, "<cell>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(re.findall(r"^(?:def |class |)(\w+)\b", source, flags=re.MULTILINE))
    stored = {i.argval for i in dis.get_instructions(code) if i.opname.startswith("STORE_")}
    for line in tree.body:  # also those after an endless loop, which are not compiled
        if isinstance(line, (ast.FunctionDef, ast.ClassDef)):
            stored.add(line.name)
        targets = getattr(line, "targets", [getattr(line, "target", None)])
        for target in targets:
            while isinstance(target, (ast.Attribute, ast.Subscript)):
                target = target.value
            if isinstance(target, ast.Name):
                stored.add(target.id)
        if isinstance(line, ast.ImportFrom) and any(alias.name == "*" for alias in line.names):
            return Everything()
    return {name for name in stored if isinstance(name, str)}


class Everything(set):
    """The names that a star import binds: any."""

    def __rand__(self, other):
        return other


def code_objects(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from code_objects(constant)
