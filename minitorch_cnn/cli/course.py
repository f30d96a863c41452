"""minitorch-cnn course: hand out the notebooks, check and grade what students made of them."""

from __future__ import annotations

import importlib.util
import json
import os

from ..spelling import nearest_path
from .parser import CommandError, Parser, file_path, folder_to_fill, number

DESCRIPTION = """\
The fifteen notebooks of the course. Each asks for a guess and for a few functions, checks them,
and shows their consequences.

examples:
  minitorch-cnn course new my-course                      copy the notebooks
  minitorch-cnn course check my-course/02_convolution.ipynb
  minitorch-cnn course grade submissions --out reports    a class: a file or folder per student
  minitorch-cnn course report reports                     tables and pages of what was graded"""

NEW = """\
Copy the notebooks into a folder.

examples:
  minitorch-cnn course new my-course
  minitorch-cnn course new my-course --notebooks 02 03
  minitorch-cnn course new my-course --solutions      also the solutions, in my-course/solutions
  minitorch-cnn course new drive --hosted             for Colab: they install the package"""

CHECK = """\
Check your own work: print the points of each exercise of a notebook, or of its plain form (.py),
and what its check says.

example:
  minitorch-cnn course check my-course/02_convolution.ipynb"""

GRADE = """\
Grade the notebooks of a class, or one file. SUBMISSIONS is a folder with a file (ada.ipynb, ada.py)
or a folder (ada/02_convolution.ipynb) for each student. Each check runs in a process of its own,
with limits of time and memory, and on Linux without network and with nothing to write to; the
checks are the package's, and are asked again with numbers that the notebook does not show. An
interrupted run goes on where it was.

Written into the folder of --out: grades.csv, a table for each notebook, index.html, and a page for
each student.

With --json one file is graded, and the result is printed in the form of Gradescope's results.json.

The exit code is 0 if a folder was graded or a file has all points, 1 if a file lacks points, and 2
for an error, such as a file that is no exercise's.

examples:
  minitorch-cnn course grade submissions --out reports --jobs 2
  minitorch-cnn course grade submissions --out reports --notebooks 02 --seed 31
  minitorch-cnn course grade ada.ipynb --json"""

REPORT = """\
Write the tables (CSV) and pages (HTML) of a class from the results of `course grade`.

example:
  minitorch-cnn course report reports"""


def add_parser(commands) -> None:
    course: Parser = commands.add_parser(
        "course", help="the notebooks of the course, and their grading", description=DESCRIPTION
    )
    parts = course.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_new(parts)
    add_check(parts)
    add_grade(parts)
    parser = parts.add_parser("report", help="write tables and pages", description=REPORT)
    parser.add_argument("reports", type=file_path, metavar="REPORTS", help="the folder of --out")
    parser.set_defaults(run=report)


def add_new(parts) -> None:
    parser = parts.add_parser("new", help="copy the notebooks", description=NEW)
    parser.add_argument(
        "folder",
        type=file_path,
        metavar="FOLDER",
        help="where to copy them; existing files are never overwritten",
    )
    add_notebooks(parser, "copy")
    parser.add_argument(
        "--solutions",
        action="store_true",
        help="also copy the solved notebooks, into FOLDER/solutions; only a checkout has them",
    )
    parser.add_argument(
        "--hosted",
        action="store_true",
        help="let their first cell install the package, for Colab and for JupyterLite",
    )
    parser.set_defaults(run=new)


def add_check(parts) -> None:
    parser = parts.add_parser("check", help="check your own work", description=CHECK)
    parser.add_argument("file", type=file_path, metavar="FILE", help="a .ipynb or .py file")
    add_limits(parser)
    parser.set_defaults(run=check)


def add_grade(parts) -> None:
    parser = parts.add_parser("grade", help="grade a class, or one file", description=GRADE)
    parser.add_argument(
        "submissions", type=file_path, metavar="SUBMISSIONS", help="a folder, or one file"
    )
    parser.add_argument(
        "--out", type=folder_to_fill, metavar="REPORTS", help="where to write the grades of a class"
    )
    parser.add_argument(
        "--json", action="store_true", help="grade one file and print Gradescope's results.json"
    )
    add_notebooks(parser, "grade")
    parser.add_argument(
        "--jobs",
        type=number(int, 1),
        default=1,
        metavar="N",
        help="submissions that are graded at the same time (default: 1)",
    )
    add_limits(parser)
    parser.set_defaults(run=grade)


def add_notebooks(parser, verb: str) -> None:
    parser.add_argument(
        "--notebooks",
        nargs="+",
        default=[],
        metavar="NN",
        help=f"{verb} only those whose names begin so, for example 02 03",
    )


def add_limits(parser) -> None:
    parser.add_argument(
        "--seed",
        type=number(int, 0),
        metavar="N",
        help="of the numbers that the notebook does not show (default: 7919)",
    )
    parser.add_argument(
        "--time",
        type=number(float, 0, above=True),
        default=60.0,
        metavar="SECONDS",
        help="of processor time for each check, and twice as many by the clock (default: 60)",
    )
    parser.add_argument(
        "--memory",
        type=number(int, 64),
        default=2048,
        metavar="MB",
        help="for each check, beside what the package takes; on Linux (default: 2048)",
    )


def new(options) -> None:
    from ..course.copying import copy_notebooks

    copies = copy_notebooks(
        options.folder, options.solutions, options.notebooks, options.hosted
    )
    exercises = sorted(path for path in copies if path.parent == options.folder)
    count = f"{len(exercises)} notebooks" if len(exercises) > 1 else "1 notebook"
    print(f"{options.folder}: {count}; begin with {exercises[0].name}")
    if options.solutions:
        print(f"{options.folder / 'solutions'}: the solved notebooks")
    if importlib.util.find_spec("jupyterlab") is None:
        print('JupyterLab is not installed: pip install "minitorch_cnn[notebooks]"')
    folder = str(options.folder)
    print(f"jupyter lab {folder!r}" if " " in folder else f"jupyter lab {folder}")


def check(options) -> int:
    return grade_one(options, as_json=False)


def grade(options) -> int:
    if not options.submissions.is_dir():
        if options.out or options.notebooks:
            raise CommandError("--out and --notebooks are for a folder of submissions")
        return grade_one(options, options.json, options.submissions)
    if options.json:
        raise CommandError(f"--json grades one file, {options.submissions} is a folder")
    if options.out is None:
        raise CommandError("a folder of submissions needs --out REPORTS")
    from ..course.grading import grade_class, write_report
    from ..course.grading.grader import SEED

    grade_class(
        options.submissions,
        options.out,
        notebooks=options.notebooks,
        jobs=options.jobs,
        seed=SEED if options.seed is None else options.seed,
        limits=limits_of(options),
        say=lambda line: print(line, flush=True),
    )
    write_report(options.out)
    print(
        f"{options.out / 'grades.csv'}, and a page for each student: {options.out / 'index.html'}"
    )
    return 0


def limits_of(options):
    from ..course.grading import Limits

    total = max(10 * options.time, Limits.total)
    return Limits(seconds=options.time, total=total, megabytes=options.memory)


def grade_one(options, as_json: bool, path=None) -> int:
    """Grade one file, print its points, and return the exit code."""
    from ..course.grading import Grader, grade_file
    from ..course.grading.grader import SEED
    from ..course.grading.gradescope import to_gradescope

    path = path or options.file
    if not path.exists():
        raise CommandError(f"there is no file {path}{nearest_path(path)}")
    seed = SEED if options.seed is None else options.seed
    with Grader(limits_of(options), seed, threads=os.cpu_count() or 1) as grader:
        result = grade_file(path, grader, told=(lambda mark: None) if as_json else tell)
    if as_json:
        print(json.dumps(to_gradescope(result), indent=1))
    else:
        bonus = f", and {result.bonus} of optional pieces" if result.bonus else ""
        print(f"{result.notebook}: {result.points} of {result.possible} points{bonus}")
        if result.by_hand:
            print(f"{result.by_hand} more are for the questions, which are marked by hand")
        for note in result.notes:
            print(f"Your code was not kept from {note}.")
    return 0 if result.points == result.possible else 1


def tell(mark) -> None:
    """Print the points of one check and its line."""
    optional = " (optional)" if mark.optional else ""
    first, *rest = mark.line.splitlines() or [""]
    print(f"{mark.name:16} {mark.points} of {mark.possible}{optional}  {first}", flush=True)
    for line in rest:
        print(f"{'':16} {line}")


def report(options) -> None:
    from ..course.grading import write_report

    for path in write_report(options.reports):
        print(path)
