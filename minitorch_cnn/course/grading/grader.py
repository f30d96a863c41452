"""Grader: runs all checks of a submission and counts the points."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from ..copying import folder_of_notebooks
from .assignment import Assignment, Cell, assignments
from .limits import Limits
from .program import NotGraded, steps
from .results import Answer, Mark, Result
from .runner import ForkingRunner, Outcome, SpawningRunner, new_runner
from .submission import Submission, Unreadable, read_submission, recognised

SEED = 7919  # of the hidden tests, unless a run has its own

Told = Callable[[Mark], None]


class Grader:
    """A process that grades one submission after the other; `with` ends it.

    seed: of the numbers that the notebook does not show. hidden: folders that submissions must not
    read. threads: of the kernels.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        seed: int = SEED,
        hidden: Iterable[str | Path] = (),
        threads: int = 1,
        exercises: list[Assignment] | None = None,
    ) -> None:
        self.limits, self.seed, self.threads = limits or Limits(), seed, threads
        self.exercises = assignments() if exercises is None else exercises
        folder = folder_of_notebooks()
        own = [folder / "solutions", folder / "source"]
        self.hidden = [os.path.realpath(path) for path in (*own, *hidden) if os.path.isdir(path)]
        self.runner: ForkingRunner | SpawningRunner = new_runner()

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, *error) -> None:
        self.runner.close()

    def grade(
        self, submission: Submission, assignment: Assignment, student: str = "", told: Told = print
    ) -> Result:
        """The points of a submission for an assignment; told(mark) is called after each check."""
        start, notes = time.monotonic(), {}
        result = Result(student, assignment.name, str(submission.path.name))
        for check in assignment.checks:
            left = self.limits.total - (time.monotonic() - start)
            found = self._run(submission, assignment, check, left)
            notes.update(dict.fromkeys(found.notes))
            hole = assignment.hole_of(check)
            mark = Mark(
                hole.name if hole else check.name,
                check.points if found.right else 0,
                check.points,
                check.optional,
                found.line,
                round(found.seconds, 2),
            )
            result.marks.append(mark)
            told(mark)
        result.manual = [
            Answer(cell.name, cell.points, written_answer(cell, submission))
            for cell in assignment.manual
        ]
        result.notes = list(notes)
        result.seconds = round(time.monotonic() - start, 2)
        result.key = self.key(submission, assignment)
        return result

    def _run(
        self, submission: Submission, assignment: Assignment, check: Cell, left: float
    ) -> Outcome:
        """Run one check in what is left of the time."""
        try:
            before = steps(assignment, submission, check)
        except NotGraded as reason:
            return Outcome(False, str(reason))
        if left <= 0:
            total = self.limits.total
            return Outcome(False, f"no: the {total:g} seconds of the file were used up before")
        limits = dataclasses.replace(self.limits, seconds=min(self.limits.seconds, left))
        return self.runner.run(
            {
                "steps": before,
                "check": check.source,
                "seeds": [None, self.seed],
                "limits": dataclasses.asdict(limits),
                "hidden": self.hidden,
                "threads": self.threads,
            }
        )

    def key(self, submission: Submission, assignment: Assignment) -> str:
        """A hash of all that the points depend on."""
        parts = [submission.sha256, repr(assignment), self.seed, self.limits, version_of_checks()]
        return hashlib.sha256(repr(parts).encode()).hexdigest()


@cache
def version_of_checks() -> str:
    """A hash of the package's checks."""
    paths = sorted(Path(__file__).parents[1].rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def written_answer(cell: Cell, submission: Submission) -> str:
    """What the student wrote in a cell that is marked by hand, or ""."""
    texts = [mine.source for mine in submission.named(cell.name)]
    return "\n\n".join(text for text in texts if text.strip() != cell.source.strip())[:20_000]


def nothing(assignment: Assignment, student: str, file: str, line: str) -> Result:
    """The result of a file that cannot be graded."""
    marks = []
    for check in assignment.checks:
        hole = assignment.hole_of(check)
        name = hole.name if hole else check.name
        marks.append(Mark(name, 0, check.points, check.optional, "not graded"))
    manual = [Answer(cell.name, cell.points, "") for cell in assignment.manual]
    return Result(student, assignment.name, file, line, marks, manual)


def grade_file(
    path: str | Path, grader: Grader, student: str = "", told: Told = lambda mark: None
) -> Result:
    """The points of one file. Raises: ValueError with a reason if it is no exercise's."""
    try:
        submission = read_submission(path)
        return grader.grade(submission, recognised(submission, grader.exercises), student, told)
    except Unreadable as reason:
        raise ValueError(f"grade_file: {path}: {reason}") from None
