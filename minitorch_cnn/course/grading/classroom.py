"""grade_class: grades a folder of submissions, a file or a folder for each student.

Each result is written to REPORTS/results when it is there, so an interrupted run goes on where it
was; a file that has changed is graded again, and so is everything with another seed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import re
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from .assignment import Assignment
from .grader import SEED, Grader, nothing
from .limits import Limits
from .results import Result, from_json, to_json, write_whole
from .submission import ENDINGS, Submission, Unreadable, read_submission, recognised

DEPTH = 3  # of folders inside a student's, such as nbgrader's ASSIGNMENT/
MOST_FILES = 200  # of a student that are looked at

Said = Callable[[str], None]


class Handed:
    """What one student has handed in: readable files by assignment, and lines about the others."""

    def __init__(self, student: str) -> None:
        self.student = student
        self.files: dict[str, list[Submission]] = {}
        self.lines: list[str] = []

    def add(self, path: Path, exercises: list[Assignment]) -> None:
        try:
            submission = read_submission(path)
            name = recognised(submission, exercises).name
        except Unreadable as reason:
            self.lines.append(f"{path.name}: {reason}")
        else:
            self.files.setdefault(name, []).append(submission)


def handed_in(
    folder: Path, exercises: list[Assignment], reports: Path | None = None
) -> list[Handed]:
    """What the students have handed in, by the names of the entries of a folder but REPORTS."""
    found = []
    for entry in sorted(folder.iterdir(), key=lambda path: path.name):
        if entry.name.startswith(".") or (reports and entry.resolve() == reports.resolve()):
            continue
        if entry.is_symlink():
            handed = Handed(entry.name)
            handed.lines.append(f"{entry.name}: it is a link; links are not followed")
        elif entry.is_dir():
            handed = Handed(entry.name)
            files = list(files_in(entry, DEPTH))
            for path in files[:MOST_FILES]:
                handed.add(path, exercises)
            if not files:
                handed.lines.append("the folder has no .ipynb and no .py file")
        elif entry.suffix.lower() in ENDINGS:
            handed = Handed(entry.stem)
            handed.add(entry, exercises)
        else:
            continue
        found.append(handed)
    return merged(found)


def merged(found: list[Handed]) -> list[Handed]:
    """One entry for each student: ada.ipynb and the folder ada/ are of the same."""
    students: dict[str, Handed] = {}
    for handed in found:
        one = students.setdefault(handed.student, Handed(handed.student))
        one.lines += handed.lines
        for name, files in handed.files.items():
            one.files.setdefault(name, []).extend(files)
    return list(students.values())


def files_in(folder: Path, depth: int) -> Iterable[Path]:
    """The files of a folder that may be submissions; links are not followed."""
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir(), key=lambda path: path.name):
            if path.name.startswith((".", "__")):
                continue
            if path.is_dir() and not path.is_symlink():
                if depth > 1:
                    yield from files_in(path, depth - 1)
            elif path.suffix.lower() in ENDINGS:
                yield path


def grade_class(
    submissions: str | Path,
    reports: str | Path,
    *,
    notebooks: Iterable[str] = (),
    jobs: int = 1,
    seed: int = SEED,
    limits: Limits | None = None,
    say: Said = print,
    exercises: list[Assignment] | None = None,
) -> list[Result]:
    """Grade a folder of submissions into REPORTS/results; return all results.

    notebooks: beginnings of the names of the exercises to grade; all that someone handed in if
    there are none. jobs: submissions that are graded at the same time. say: is given a line for
    each submission.

    Raises: ValueError for no such exercise; FileNotFoundError without submissions.
    """
    submissions, results = Path(submissions), Path(reports) / "results"
    with Grader(limits, seed, [submissions, reports], exercises=exercises) as any_grader:
        exercises = any_grader.exercises
    wanted = tuple(notebooks)
    chosen = [one for one in exercises if one.name.startswith(wanted or "")]
    for name in wanted:
        if not any(one.name.startswith(name) for one in exercises):
            raise ValueError(f"grade_class: there is no exercise with checks whose name begins "
                             f"with {name!r}")  # fmt: skip
    students = handed_in(submissions, exercises, Path(reports))
    if not students:
        raise FileNotFoundError(f"grade_class: no submissions in {submissions}")
    if not wanted:
        chosen = [one for one in chosen if any(one.name in s.files for s in students)]
    results.mkdir(parents=True, exist_ok=True)
    tasks: queue.SimpleQueue = queue.SimpleQueue()
    todo = [(handed, exercise) for exercise in chosen for handed in students]
    for task in todo:
        tasks.put(task)
    made: list[Result] = []
    failures: list[BaseException] = []
    stopping = threading.Event()

    def work() -> None:
        try:
            threads = max(1, (os.cpu_count() or 1) // jobs)
            with Grader(limits, seed, [submissions, reports], threads, exercises) as grader:
                while not stopping.is_set():
                    handed, exercise = tasks.get_nowait()
                    result = grade_one(handed, exercise, grader, results)
                    made.append(result)
                    say(line_about(result, len(made), len(todo)))
        except queue.Empty:
            pass
        except BaseException as error:
            failures.append(error)
            stopping.set()

    workers = [threading.Thread(target=work, daemon=True) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    try:
        for worker in workers:
            while worker.is_alive():
                worker.join(0.2)
    finally:
        stopping.set()
    if failures:
        raise failures[0]
    return sorted(made, key=lambda result: (result.notebook, result.student))


def grade_one(handed: Handed, exercise: Assignment, grader: Grader, results: Path) -> Result:
    """The result of a student for an exercise: read from `results`, or graded and written there."""
    files, student = handed.files.get(exercise.name, []), handed.student
    path = results / f"{file_name(student)}.{exercise.name}.json"
    if len({file.sha256 for file in files}) != 1:
        line = "; ".join(["nothing was handed in for this notebook", *handed.lines])
        if files:
            names = ", ".join(str(file.path.name) for file in files)
            line = f"there are several files for this notebook, leave one: {names}"
        result = nothing(exercise, student, "", line)
    else:
        key = grader.key(files[0], exercise)
        with contextlib.suppress(OSError, ValueError):
            old = from_json(path.read_text(encoding="utf-8"))
            if old.key == key and old.student == student:
                return old
        result = grader.grade(files[0], exercise, student, told=lambda mark: None)
    write_whole(path, to_json(result))
    return result


def file_name(student: str) -> str:
    """A name of a file for a student, whatever the student's name has in it."""
    text = student.encode("utf-8", "backslashreplace")
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", student)[:60]
    return f"{plain}-{hashlib.sha256(text).hexdigest()[:8]}"


def line_about(result: Result, number: int, count: int) -> str:
    """A line of progress."""
    text = f"{number}/{count} {result.student}, {result.notebook}: "
    if result.line:
        return f"{text}0 of {result.possible}, {result.line}"
    bonus = f" + {result.bonus}" if result.bonus else ""
    return f"{text}{result.points}{bonus} of {result.possible}, {result.seconds:.0f} s"
